/** Better Auth: the table `user` as CSV or JSON, and as second file its table `account`, which has the hashes. */
import { flagOf, type ImportPreset, stringOrNone, timeOf } from './preset.ts'

export const betterAuth: ImportPreset = {
  name: 'better-auth',
  system: 'Better Auth',
  list: null,
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
  readPassword(raw) {
    const provider = stringOrNone(raw.providerId ?? raw.provider_id)
    const [id, hash] = [stringOrNone(raw.userId ?? raw.user_id), stringOrNone(raw.password)]
    if (provider !== 'credential' || !id || !hash) return null
    const at = timeOf(raw.updatedAt ?? raw.updated_at)
    return { external_id: id, password_hash: hash, password_changed_at: at }
  },
}
