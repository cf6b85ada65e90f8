/**
 * Gatehouse (Flask and SQLAlchemy): rows of `users`, each with its `authentication_methods` and its `organizations`, as
 * the statement in docs/guides/import.md writes them.
 */
import { flagOf, type ImportPreset, itemsOf, objectOf, stringOrNone, timeOf } from './preset.ts'

/** SQLAlchemy stores the names of an enum's members: capitals. */
const nameOf = (value: unknown): string | undefined => stringOrNone(value)?.toLowerCase()

export const gatehouse: ImportPreset = {
  name: 'gatehouse',
  system: 'Gatehouse',
  list: null,
  read(raw) {
    if (stringOrNone(raw.deleted_at)) return { ignored: 'The user is deleted.' }
    const methods = itemsOf(raw.authentication_methods)
      .map(objectOf)
      .filter(({ deleted_at: deleted }) => !stringOrNone(deleted))
    const password = methods.find(({ method_type: type }) => nameOf(type) === 'password')
    const others = methods.filter((method) => method !== password)
    return {
      record: {
        external_id: stringOrNone(raw.id),
        email: stringOrNone(raw.email),
        email_verified: flagOf(raw.email_verified),
        full_name: stringOrNone(raw.full_name),
        status: nameOf(raw.status) === 'active' ? 'active' : 'disabled',
        created_at: timeOf(raw.created_at),
        last_login_at: timeOf(raw.last_login_at),
        password_hash: password && stringOrNone(password.password_hash),
        organizations: itemsOf(raw.organizations)
          .map(objectOf)
          .map((one) => ({
            slug: stringOrNone(one.slug),
            name: stringOrNone(one.name),
            role: nameOf(one.role) ?? 'member',
            joined_at: timeOf(one.joined_at),
          })),
      },
      left: others.map(({ method_type: type }) => `a method of the type ${nameOf(type)}`),
    }
  },
}
