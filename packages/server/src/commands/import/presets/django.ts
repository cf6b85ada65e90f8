/** Django: `manage.py dumpdata auth.user`, or of another model with the fields of AbstractUser. */
import {
  fullNameOf,
  type ImportPreset,
  itemsOf,
  objectOf,
  profileOf,
  stringOrNone,
  timeOf,
} from './preset.ts'

export const django: ImportPreset = {
  name: 'django',
  system: 'Django',
  list: null,
  read(raw) {
    const fields = objectOf(raw.fields)
    if (!('password' in fields))
      return { ignored: `${stringOrNone(raw.model) ?? 'The record'} is not a model of users.` }
    const password = stringOrNone(fields.password)
    const username = stringOrNone(fields.username)
    const roles = ['is_superuser', 'is_staff'].filter((name) => fields[name] === true)
    return {
      record: {
        external_id: stringOrNone(raw.pk),
        email: stringOrNone(fields.email),
        // Django keeps no record of verification
        email_verified: false,
        username: username?.includes('@') ? undefined : username,
        full_name: fullNameOf(fields.first_name, fields.last_name) ?? stringOrNone(fields.name),
        profile: profileOf({ given_name: fields.first_name, family_name: fields.last_name }),
        roles: roles.length > 0 ? roles : undefined,
        status: fields.is_active === false ? 'disabled' : 'active',
        created_at: timeOf(fields.date_joined),
        last_login_at: timeOf(fields.last_login),
        // `!` marks a password that cannot be used
        password_hash: password?.startsWith('!') ? undefined : password,
      },
      left: [
        ...itemsOf(fields.groups).map((group) => `the group ${group}`),
        ...(itemsOf(fields.user_permissions).length > 0 ? ['permissions of the user'] : []),
      ],
    }
  },
}
