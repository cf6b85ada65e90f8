/** Clerk: the CSV of the dashboard's export, or the JSON that its support hands out. */
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

export const clerk: ImportPreset = {
  name: 'clerk',
  system: 'Clerk',
  list: null,
  connections: {
    linkedin_oidc: 'linkedin',
    twitter: 'x',
    // the id of a workspace's member without the workspace
    slack: null,
    microsoft: null,
  },
  read(raw) {
    const addresses = addressesOf(raw)
    const accounts = itemsOf(raw.external_accounts).map(objectOf)
    const primary = stringOrNone(raw.primary_email_address) ?? addresses[0]?.address
    const others = addresses.filter(({ address }) => address !== primary)
    return {
      record: {
        external_id: stringOrNone(raw.id),
        email: primary,
        email_verified: addresses.some(({ address, isVerified }) => address === primary && isVerified),
        username: stringOrNone(raw.username),
        full_name: fullNameOf(raw.first_name, raw.last_name),
        profile: profileOf({ given_name: raw.first_name, family_name: raw.last_name }),
        status: flagOf(raw.banned) || flagOf(raw.locked) ? 'disabled' : 'active',
        created_at: timeOf(raw.created_at),
        last_login_at: timeOf(raw.last_sign_in_at),
        password_hash: hashOf(raw),
        identities: accounts.filter(isVerified).map(identityOf),
      },
      left: [
        ...accounts
          .filter((one) => !isVerified(one))
          .map((one) => `the unverified account at ${providerOf(one)}`),
        ...itemsOf(raw.enterprise_accounts).map(() => 'an enterprise account'),
        ...others.map(({ address }) => `the further address ${address}`),
        ...(stringOrNone(raw.totp_secret) ? ['a second factor'] : []),
        ...(stringOrNone(raw.primary_phone_number) ? ['a telephone number'] : []),
      ],
    }
  },
}

/** `oauth_google` and `google` are the same. */
const providerOf = (account: Raw): string => (stringOrNone(account.provider) ?? '').replace(/^oauth_/, '')

const isVerified = ({ verification }: Raw): boolean =>
  verification === undefined || verification === null || objectOf(verification).status === 'verified'

/** https://clerk.com/docs/reference/backend/types/backend-external-account; the CSV of the dashboard has none. */
const identityOf = (account: Raw): ForeignIdentity => ({
  connection: providerOf(account),
  subject: stringOrNone(account.provider_user_id),
  email: stringOrNone(account.email_address),
  name: fullNameOf(account.first_name, account.last_name),
  linked_at: timeOf(account.created_at),
})

interface Address {
  address: string
  isVerified: boolean
}

/** The lists of the CSV are separated by commas, spaces or bars; the JSON has one text, or objects of the API. */
function addressesOf(raw: Raw): Address[] {
  const split = (value: unknown, isVerified: boolean): Address[] =>
    (stringOrNone(value) ?? '')
      .split(/[\s,|;]+/)
      .flatMap((address) => (address ? { address, isVerified } : []))
  const objects = itemsOf(raw.email_addresses).map(objectOf)
  const ofApi = objects.flatMap((one) => {
    const address = stringOrNone(one.email_address)
    const isPrimary = one.id !== undefined && one.id === raw.primary_email_address_id
    const isVerified = objectOf(one.verification).status === 'verified'
    return address ? [{ address, isVerified, isPrimary }] : []
  })
  return [
    ...ofApi.sort((a, b) => Number(b.isPrimary) - Number(a.isPrimary)),
    // addresses that support exports are those that sign in
    ...split(raw.email_addresses, true),
    ...split(raw.verified_email_addresses, true),
    ...split(raw.unverified_email_addresses, false),
  ]
}

/** https://clerk.com/docs/reference/backend-api/tag/Users: forms that are Clerk's own. */
function hashOf(raw: Raw): string | undefined {
  const [digest, hasher] = [stringOrNone(raw.password_digest), stringOrNone(raw.password_hasher)]
  if (!digest) return undefined
  const parts = digest.split('$')
  if (hasher === 'pbkdf2_sha256' || hasher === 'pbkdf2_sha512') {
    const [, rounds, salt, key] = parts
    return `$${hasher.replace('_', '-')}$i=${rounds}$${salt}$${key}`
  }
  if (hasher === 'pbkdf2_sha1') {
    const [, rounds, salt, key] = parts
    return `pbkdf2:sha1:${rounds}$${salt}$${key}`
  }
  if (hasher === 'scrypt_firebase') {
    const [key, salt, signer, separator, rounds, memory] = parts
    return `$fbscrypt$v=1,n=${memory},r=${rounds},p=1,ss=${separator},sk=${signer}$${salt}$${key}`
  }
  return digest
}
