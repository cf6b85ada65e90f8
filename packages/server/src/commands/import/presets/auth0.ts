/**
 * Auth0: the users of the User Import/Export extension or of a bulk import (JSON lines or an array), and as second file
 * the password export that its support hands out.
 */
import {
  type ForeignIdentity,
  flagOf,
  fullNameOf,
  type ImportPreset,
  itemsOf,
  objectOf,
  profileOf,
  type Raw,
  stringOrNone,
  timeOf,
} from './preset.ts'

const hashOf = (raw: Raw): string | undefined => {
  const custom = objectOf(raw.custom_password_hash)
  if ('algorithm' in custom) {
    const { algorithm, ...rest } = custom
    return JSON.stringify({ algorithm, ...rest })
  }
  return stringOrNone(raw.password_hash) ?? stringOrNone(raw.passwordHash)
}

/** `auth0|…`, which the password export has without the prefix. */
const idOf = (raw: Raw): string | undefined => {
  const id = stringOrNone(objectOf(raw._id).$oid)
  return stringOrNone(raw.user_id) ?? stringOrNone(raw.Id) ?? (id && `auth0|${id}`)
}

/** By the strategy; of others, such as enterprise connections, by the name of the connection. */
const SOCIAL: NonNullable<ImportPreset['connections']> = {
  'google-oauth2': 'google',
  github: 'github',
  apple: 'apple',
  facebook: 'facebook',
  linkedin: 'linkedin',
  twitter: 'x',
  // the id of Microsoft Graph, while ID tokens have another one for each app
  windowslive: null,
}

/** Its own database and its codes by e-mail or SMS are no providers. */
const OWN = new Set(['auth0', 'email', 'sms'])

/** https://auth0.com/docs/manage-users/user-accounts/user-profiles/user-profile-structure; the first is that of the profile. */
function identitiesOf(raw: Raw): ForeignIdentity[] {
  const listed = itemsOf(raw.identities).map(objectOf)
  return (listed.length > 0 ? listed : [identityOf(raw)]).flatMap((identity, at) => {
    const [strategy = '', connection = ''] = [identity.provider, identity.connection].map(stringOrNone)
    const id = stringOrNone(identity.user_id)
    if (strategy === '' || OWN.has(strategy)) return []
    const name = connection === '' || Object.hasOwn(SOCIAL, strategy) ? strategy : connection
    const prefix = `${connection}|`
    const subject = connection !== '' && id?.startsWith(prefix) ? id.slice(prefix.length) : id
    const profile = at === 0 ? raw : objectOf(identity.profileData)
    return {
      connection: name,
      subject,
      email: stringOrNone(profile.email),
      name: stringOrNone(profile.name),
      linked_at: at === 0 ? timeOf(raw.created_at) : undefined,
    }
  })
}

/** From `google-oauth2|1076…`, or `samlp|acme|ada`, where the file does not have the list. */
function identityOf(raw: Raw): Raw {
  const [provider, ...rest] = (stringOrNone(raw.user_id) ?? '').split('|')
  return { provider, connection: rest.length > 1 ? rest[0] : undefined, user_id: rest.join('|') }
}

export const auth0: ImportPreset = {
  name: 'auth0',
  system: 'Auth0',
  list: null,
  connections: SOCIAL,
  read(raw) {
    const name = stringOrNone(raw.name)
    return {
      record: {
        external_id: idOf(raw),
        email: stringOrNone(raw.email),
        email_verified: flagOf(raw.email_verified ?? raw.emailVerified),
        username: stringOrNone(raw.username),
        full_name: fullNameOf(raw.given_name, raw.family_name) ?? (name?.includes('@') ? undefined : name),
        locale: stringOrNone(raw.locale),
        profile: profileOf({
          given_name: raw.given_name,
          family_name: raw.family_name,
          nickname: raw.nickname,
          picture: raw.picture,
        }),
        status: flagOf(raw.blocked) ? 'disabled' : 'active',
        created_at: timeOf(raw.created_at),
        last_login_at: timeOf(raw.last_login),
        password_hash: hashOf(raw),
        password_changed_at: timeOf(objectOf(raw.password_set_date).$date ?? raw.password_set_date),
        identities: identitiesOf(raw),
      },
      left: itemsOf(raw.identities).some((one) => objectOf(one).provider === 'sms')
        ? ['a telephone number']
        : [],
    }
  },
  readCredential(raw) {
    const [id, hash] = [idOf(raw), hashOf(raw)]
    const at = timeOf(objectOf(raw.password_set_date).$date ?? raw.password_set_date)
    return id && hash ? { external_id: id, password_hash: hash, password_changed_at: at } : null
  },
}
