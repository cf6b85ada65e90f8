/** A user as the API shows it: one shape wherever a user appears, with its schema. */
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

/** @param user the row; `last_login` is the sign-in before this one where the caller wants that */
export const userView = (roles: Pick<Roles, 'permissionsOf' | 'primaryOf'>, user: User): UserView => ({
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
