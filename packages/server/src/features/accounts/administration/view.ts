/** The administrator's view of a user: the user, and the state of the account. */
import { z } from 'zod'
import { described, timeOrNull } from '../../../base/described.ts'
import { isLocked } from '../../../core/locks.ts'
import type { Roles } from '../../../core/roles/index.ts'
import { type User, UserView, userView } from '../../identity/users/index.ts'

export const STATUSES = ['pending', 'active', 'locked', 'disabled'] as const

/** The states that an administrator may set; `pending` ends when the address is verified. */
export const SETTABLE_STATUSES = ['active', 'locked', 'disabled'] as const
export type SettableStatus = (typeof SETTABLE_STATUSES)[number]

/** A lock of a disabled account is not shown: it takes effect when the account is enabled. */
export function statusOf(user: User, now: Date): (typeof STATUSES)[number] {
  return isLocked(user, now) && user.status !== 'disabled' ? 'locked' : user.status
}

export const PersonView = UserView.extend({
  status: described(
    z.enum(STATUSES),
    'The state of the account. `pending`: the address is not verified yet; such an account cannot sign in.',
    'active',
  ),
  locked_until: timeOrNull('The end of the lock; null for a lock without an end, and without a lock.'),
}).meta({ id: 'Person' })
export type PersonView = z.infer<typeof PersonView>

export function personView(
  roles: Pick<Roles, 'permissionsOf' | 'primaryOf'>,
  user: User,
  now: Date,
): PersonView {
  return {
    ...userView(roles, user),
    status: statusOf(user, now),
    locked_until: isLocked(user, now) ? (user.locked_until?.toISOString() ?? null) : null,
  }
}
