/** A user in answers of the API: one schema for all of them. */
import { z } from 'zod'
import type { Roles } from '../../../core/roles/index.ts'
import type { User } from './users.ts'

export const UserView = z
  .object({
    id: z.string(),
    username: z.string().nullable(),
    email: z.string(),
    full_name: z.string().nullable(),
    role: z.string().nullable(),
    roles: z.array(z.string()),
    permissions: z.array(z.string()),
    is_verified: z.boolean(),
    locale: z.string().nullable(),
    created_at: z.string(),
    last_login: z.string().nullable(),
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
