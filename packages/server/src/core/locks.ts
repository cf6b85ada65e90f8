/**
 * Locks of accounts by an administrator: until a time, or until they are lifted. Sign-ins and the checks of sessions,
 * API keys and refresh tokens test them here. The lock-out after failed sign-ins is separate (signin/guesses).
 */
import { type Problem, problem } from '../base/errors.ts'

export interface Lock {
  locked_at: Date | null
  /** Null while locked: the lock has no end and must be lifted. */
  locked_until: Date | null
}

export const isLocked = ({ locked_at, locked_until }: Lock, now: Date): boolean =>
  locked_at !== null && (locked_until === null || locked_until > now)

export const ACCOUNT_STATUSES = ['pending', 'active', 'locked', 'disabled'] as const
export type AccountStatus = (typeof ACCOUNT_STATUSES)[number]

/** The state of an account as every list shows it. The lock of a disabled account takes effect when it is enabled. */
export const statusOf = (
  user: Lock & { status: Exclude<AccountStatus, 'locked'> },
  now: Date,
): AccountStatus => (isLocked(user, now) && user.status !== 'disabled' ? 'locked' : user.status)

/** That an account is not active, and what to do about it, for who administers it. */
export const inactiveText = (status: string): string =>
  status === 'pending'
    ? 'The address of this account is not verified yet. Verify it first.'
    : `The account is ${status}. Enable it first.`

/** The error for a valid credential of a locked account; with the seconds left where the lock has an end. */
export function accountLocked({ locked_until: until }: Lock, now: Date): Problem {
  const message = 'This account is locked. Ask an administrator.'
  if (until === null) return problem('ACCOUNT_LOCKED', { message })
  const seconds = Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000))
  return problem('ACCOUNT_LOCKED', { message, details: { lockout_duration: seconds }, retryAfter: seconds })
}
