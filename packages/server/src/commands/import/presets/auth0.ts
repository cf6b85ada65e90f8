/**
 * Auth0: the users of the User Import/Export extension or of a bulk import (JSON lines or an array), and as second file
 * the password export that its support hands out.
 */
import { flagOf, fullNameOf, type ImportPreset, objectOf, type Raw, stringOrNone, timeOf } from './preset.ts'

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

export const auth0: ImportPreset = {
  name: 'auth0',
  system: 'Auth0',
  list: null,
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
        status: flagOf(raw.blocked) ? 'disabled' : 'active',
        created_at: timeOf(raw.created_at),
        last_login_at: timeOf(raw.last_login),
        password_hash: hashOf(raw),
        password_changed_at: timeOf(objectOf(raw.password_set_date).$date ?? raw.password_set_date),
      },
    }
  },
  readPassword(raw) {
    const [id, hash] = [idOf(raw), hashOf(raw)]
    const at = timeOf(objectOf(raw.password_set_date).$date ?? raw.password_set_date)
    return id && hash ? { external_id: id, password_hash: hash, password_changed_at: at } : null
  },
}
