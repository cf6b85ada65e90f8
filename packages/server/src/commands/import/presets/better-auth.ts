/** Better Auth: the table `user` as CSV or JSON, and as second file its table `account`, which has hashes and connected accounts. */
import {
  claimsOf,
  type ForeignIdentity,
  flagOf,
  type ImportPreset,
  type Raw,
  slackIdOf,
  stringOrNone,
  timeOf,
} from './preset.ts'

/** An account by the table `account`: https://www.better-auth.com/docs/concepts/database */
function identityOf(provider: string, raw: Raw): ForeignIdentity {
  const claims = claimsOf(raw.idToken ?? raw.id_token)
  const id = stringOrNone(raw.accountId ?? raw.account_id)
  return {
    connection: provider,
    // only the token names the workspace that an id of Slack is of
    subject: provider === 'slack' ? slackIdOf(claims['https://slack.com/team_id'], id) : id,
    issuer: provider === 'microsoft' ? stringOrNone(claims.iss) : undefined,
    email: stringOrNone(claims.email),
    name: stringOrNone(claims.name),
    linked_at: timeOf(raw.createdAt ?? raw.created_at),
  }
}

export const betterAuth: ImportPreset = {
  name: 'better-auth',
  system: 'Better Auth',
  list: null,
  connections: { twitter: 'x' },
  read(raw) {
    // the role that the admin plugin gives to everyone
    const roles = (stringOrNone(raw.role) ?? '').split(',').filter((role) => role !== '' && role !== 'user')
    return {
      record: {
        external_id: stringOrNone(raw.id),
        email: stringOrNone(raw.email),
        email_verified: flagOf(raw.emailVerified ?? raw.email_verified),
        username: stringOrNone(raw.username),
        full_name: stringOrNone(raw.name),
        roles: roles.length > 0 ? roles : undefined,
        status: flagOf(raw.banned) ? 'disabled' : 'active',
        created_at: timeOf(raw.createdAt ?? raw.created_at),
        updated_at: timeOf(raw.updatedAt ?? raw.updated_at),
      },
      left: flagOf(raw.twoFactorEnabled ?? raw.two_factor_enabled) ? ['a second factor'] : [],
    }
  },
  readCredential(raw) {
    const provider = stringOrNone(raw.providerId ?? raw.provider_id)
    const [id, hash] = [stringOrNone(raw.userId ?? raw.user_id), stringOrNone(raw.password)]
    if (!provider || !id) return null
    if (provider !== 'credential') return { external_id: id, identities: [identityOf(provider, raw)] }
    if (!hash) return null
    const at = timeOf(raw.updatedAt ?? raw.updated_at)
    return { external_id: id, password_hash: hash, password_changed_at: at }
  },
}
