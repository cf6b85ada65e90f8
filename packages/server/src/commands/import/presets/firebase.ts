/** Firebase Authentication: the JSON of `firebase auth:export`, with the hash parameters of the project. */
import { flagOf, type ImportPreset, itemsOf, objectOf, type Raw, stringOrNone, timeOf } from './preset.ts'

export const firebase: ImportPreset = {
  name: 'firebase',
  system: 'Firebase Authentication',
  list: 'users',
  connections: {
    'google.com': 'google',
    'github.com': 'github',
    'apple.com': 'apple',
    'facebook.com': 'facebook',
    'linkedin.com': 'linkedin',
    'twitter.com': 'x',
    // the id of Microsoft Graph, while ID tokens have another one for each app
    'microsoft.com': null,
  },
  read(raw, options) {
    return {
      record: {
        external_id: stringOrNone(raw.localId),
        email: stringOrNone(raw.email),
        email_verified: flagOf(raw.emailVerified),
        full_name: stringOrNone(raw.displayName),
        status: flagOf(raw.disabled) ? 'disabled' : 'active',
        created_at: timeOf(raw.createdAt),
        last_login_at: timeOf(raw.lastSignedInAt),
        password_hash: hashOf(raw, options.firebase),
        identities: itemsOf(raw.providerUserInfo)
          .map(objectOf)
          .filter(({ providerId }) => providerId !== 'password' && providerId !== 'phone')
          .map((one) => ({
            connection: stringOrNone(one.providerId),
            subject: stringOrNone(one.rawId),
            email: stringOrNone(one.email),
            name: stringOrNone(one.displayName),
          })),
      },
      left: stringOrNone(raw.phoneNumber) ? ['a telephone number'] : [],
    }
  },
}

/** Without the parameters the hash cannot be verified; the server refuses it with that reason. */
function hashOf(raw: Raw, parameters: Parameters<ImportPreset['read']>[1]['firebase']): string | undefined {
  const [key, salt] = [stringOrNone(raw.passwordHash), stringOrNone(raw.salt)]
  if (!key || !parameters) return key
  const { memoryCost, rounds, saltSeparator, signerKey } = parameters
  const separator = saltSeparator ? `,ss=${saltSeparator}` : ''
  return `$fbscrypt$v=1,n=${memoryCost},r=${rounds},p=1${separator},sk=${signerKey}$${salt ?? ''}$${key}`
}
