/** Supabase: the table `auth.users` as CSV or JSON. */
import { flagOf, type ImportPreset, objectOf, stringOrNone, timeOf } from './preset.ts'

export const supabase: ImportPreset = {
  name: 'supabase',
  system: 'Supabase',
  list: null,
  read(raw) {
    if (stringOrNone(raw.deleted_at)) return { ignored: 'The user is deleted.' }
    if (flagOf(raw.is_anonymous)) return { ignored: 'The user is anonymous.' }
    const profile = objectOf(raw.raw_user_meta_data)
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
      },
      left: stringOrNone(raw.phone) ? ['a telephone number'] : [],
    }
  },
}
