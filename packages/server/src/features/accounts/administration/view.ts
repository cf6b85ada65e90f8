/** The administrator's view of a user: the user, and the state of the account. */
import { z } from 'zod'
import { described, flagField, timeOrNull } from '../../../base/described.ts'
import { ACCOUNT_STATUSES, isLocked, statusOf } from '../../../core/locks.ts'
import type { Roles } from '../../../core/roles/index.ts'
import { ProfileView, profileView, type UserProfile } from '../../../core/user-profile.ts'
import { type User, UserView, userView } from '../../identity/users/index.ts'

/** The states that an administrator may set; `pending` ends when the address is verified. */
export const SETTABLE_STATUSES = ['active', 'locked', 'disabled'] as const
export type SettableStatus = (typeof SETTABLE_STATUSES)[number]

export const PersonView = UserView.extend({
  status: described(
    z.enum(ACCOUNT_STATUSES),
    'The state of the account. `pending`: the address is not verified yet; such an account cannot sign in.',
    'active',
  ),
  mfa_required: flagField('Whether an administrator requires a second factor of this account.'),
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
    mfa_required: user.mfa_required,
    locked_until: isLocked(user, now) ? (user.locked_until?.toISOString() ?? null) : null,
  }
}

/** The same with the profile, which lists do not have. */
export const PersonAccountView = PersonView.extend({
  profile: described(ProfileView, 'What the user states besides, or an administrator.'),
}).meta({ id: 'PersonAccount' })

/** A user with the profile. */
export interface PersonAccount {
  user: User
  profile: UserProfile
}

export const personAccountView = (
  roles: Parameters<typeof personView>[0],
  { user, profile }: PersonAccount,
  now: Date,
): z.infer<typeof PersonAccountView> => ({ ...personView(roles, user, now), profile: profileView(profile) })
