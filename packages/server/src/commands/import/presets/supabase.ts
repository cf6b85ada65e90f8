/** Supabase: the table `auth.users` as CSV or JSON, with the rows of `auth.identities` as a column `identities`. */
import {
  type ForeignIdentity,
  flagOf,
  type ImportPreset,
  itemsOf,
  objectOf,
  type Raw,
  slackIdOf,
  stringOrNone,
  timeOf,
} from './preset.ts'

/** They are no providers: https://supabase.com/docs/guides/auth/identities */
const OWN = new Set(['email', 'phone'])

function identityOf(provider: string, raw: Raw): ForeignIdentity {
  const data = objectOf(raw.identity_data)
  const id = stringOrNone(raw.provider_id) ?? stringOrNone(data.sub)
  return {
    connection: provider,
    subject: /^slack(?:_oidc)?$/.test(provider)
      ? slackIdOf(objectOf(data.custom_claims)['https://slack.com/team_id'], id)
      : id,
    // that of the tenant
    issuer: provider === 'azure' ? stringOrNone(data.iss) : undefined,
    email: stringOrNone(data.email),
    name: stringOrNone(data.full_name) ?? stringOrNone(data.name),
    linked_at: timeOf(raw.created_at),
    last_used_at: timeOf(raw.last_sign_in_at),
  }
}

export const supabase: ImportPreset = {
  name: 'supabase',
  system: 'Supabase',
  list: null,
  connections: {
    azure: 'microsoft',
    linkedin_oidc: 'linkedin',
    slack_oidc: 'slack',
    twitter: 'x',
  },
  read(raw) {
    if (stringOrNone(raw.deleted_at)) return { ignored: 'The user is deleted.' }
    if (flagOf(raw.is_anonymous)) return { ignored: 'The user is anonymous.' }
    const profile = objectOf(raw.raw_user_meta_data)
    const identities = itemsOf(raw.identities).map(objectOf)
    const providers = itemsOf(objectOf(raw.raw_app_meta_data).providers).map(String)
    // the table of users alone has only their names
    const unlisted = 'identities' in raw ? [] : providers.filter((name) => !OWN.has(name))
    const verifiedAt = timeOf(raw.email_confirmed_at) ?? timeOf(raw.confirmed_at)
    return {
      record: {
        external_id: stringOrNone(raw.id),
        email: stringOrNone(raw.email),
        email_verified: verifiedAt !== undefined,
        email_verified_at: verifiedAt,
        username: stringOrNone(profile.username),
        full_name: stringOrNone(profile.full_name) ?? stringOrNone(profile.name),
        status: stringOrNone(raw.banned_until) ? 'disabled' : 'active',
        created_at: timeOf(raw.created_at),
        last_login_at: timeOf(raw.last_sign_in_at),
        password_hash: stringOrNone(raw.encrypted_password),
        identities: identities.flatMap((one) => {
          const provider = stringOrNone(one.provider) ?? ''
          return OWN.has(provider) ? [] : identityOf(provider, one)
        }),
      },
      left: [
        ...(stringOrNone(raw.phone) ? ['a telephone number'] : []),
        ...unlisted.map((name) => `the account at ${name}, whose id is not in the file`),
      ],
    }
  },
}
