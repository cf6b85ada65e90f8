/** A user in answers of the API: one schema for all of them. */
import { z } from 'zod'
import {
  flagField,
  idField,
  textField,
  textList,
  textOrNull,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import type { Roles } from '../../../core/roles/index.ts'
import type { User } from './users.ts'

export const UserView = z
  .object({
    id: idField('usr', 'The user.'),
    username: textOrNull('The username; null for a user who signs in by the address alone.', 'ada'),
    email: textField('The e-mail address.', 'ada@example.com'),
    full_name: textOrNull('The name of the person; null if it is not known.', 'Ada Lovelace'),
    role: textOrNull(
      'The primary role: of all `roles` the one with the lowest rank; null without roles.',
      'viewer',
    ),
    roles: textList('All roles of the user at the server.', 'viewer'),
    permissions: textList(
      'What the roles permit, inherited permissions included, each as `resource:action` with `*` for any.',
      'dashboard:read',
      'analytics:read',
    ),
    is_verified: flagField('Whether the user has proved that the address is theirs.', true),
    locale: textOrNull('The language of pages and e-mails; null: that of the browser.', 'en'),
    created_at: timeField('When the account was created.'),
    last_login: timeOrNull(
      'The sign-in before this answer: in the answer of a sign-in, the one before it; null for none.',
    ),
  })
  .meta({ id: 'User' })
export type UserView = z.infer<typeof UserView>

/** The columns of a user that an answer has. */
type UserFields = Pick<
  User,
  | 'id'
  | 'username'
  | 'full_name'
  | 'locale'
  | 'roles'
  | 'created_at'
  | 'last_login_at'
  | 'email'
  | 'email_verified_at'
>

/** @param user the row; a caller that wants the previous sign-in as `last_login` reads the row before recording this one */
export const userView = (roles: Pick<Roles, 'permissionsOf' | 'primaryOf'>, user: UserFields): UserView => ({
  id: user.id,
  username: user.username,
  email: user.email,
  full_name: user.full_name,
  role: roles.primaryOf(user.roles),
  roles: user.roles,
  permissions: [...roles.permissionsOf(user.roles)],
  is_verified: user.email_verified_at !== null,
  locale: user.locale,
  created_at: user.created_at.toISOString(),
  last_login: user.last_login_at?.toISOString() ?? null,
})
