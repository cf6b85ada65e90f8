/**
 * Locks that an administrator puts on an account: until a time, or until they are lifted. Whatever lets somebody in
 * (a sign-in, a session, a key, a refresh token) holds the account against this. Locks by too many failures are
 * another matter (signin/failures.ts): they are an address's, not the account's.
 */
import { type Problem, problem } from '../base/errors.ts'

export interface Lock {
  locked_at: Date | null
  /** Null while locked: until it is lifted. */
  locked_until: Date | null
}

export const isLocked = ({ locked_at, locked_until }: Lock, now: Date): boolean =>
  locked_at !== null && (locked_until === null || locked_until > now)

/** The answer to somebody whose credential is right; with the seconds left where the lock ends by itself. */
export function accountLocked({ locked_until: until }: Lock, now: Date): Problem {
  const message = 'This account is locked. Ask an administrator.'
  if (until === null) return problem('ACCOUNT_LOCKED', { message })
  const seconds = Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000))
  return problem('ACCOUNT_LOCKED', { message, details: { lockout_duration: seconds }, retryAfter: seconds })
}
