/** The administrator's view of a user: the user, and the state of the account. */
import { z } from 'zod'
import { isLocked } from '../../../core/locks.ts'
import type { Roles } from '../../../core/roles/index.ts'
import { type User, UserView, userView } from '../../identity/users/index.ts'

export const STATUSES = ['pending', 'active', 'locked', 'disabled'] as const

export const PersonView = UserView.extend({
  status: z.enum(STATUSES),
  /** The end of the lock; null for a lock without an end, and without a lock. */
  locked_until: z.string().nullable(),
}).meta({ id: 'Person' })
export type PersonView = z.infer<typeof PersonView>

export function personView(
  roles: Pick<Roles, 'permissionsOf' | 'primaryOf'>,
  user: User,
  now: Date,
): PersonView {
  const locked = isLocked(user, now)
  return {
    ...userView(roles, user),
    status: locked && user.status !== 'disabled' ? 'locked' : user.status,
    locked_until: locked ? (user.locked_until?.toISOString() ?? null) : null,
  }
}
