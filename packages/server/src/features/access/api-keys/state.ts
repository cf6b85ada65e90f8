/**
 * The state of an API key at an instant. One pure function for the check of every request and for the lists, so that
 * the state shown is the state enforced.
 */
import { isLocked, type Lock } from '../../../core/locks.ts'
import type { Key } from './sql.ts'

export const KEY_STATES = ['active', 'expired', 'owner_inactive', 'revoked'] as const
export type KeyState = (typeof KEY_STATES)[number]

/** The part of a user that decides whether the user's keys are accepted. */
export interface KeyOwnerState extends Lock {
  status: string
}

export function keyState(
  { revoked_at, expires_at }: Pick<Key, 'revoked_at' | 'expires_at'>,
  owner: KeyOwnerState,
  now: Date,
): KeyState {
  if (revoked_at !== null) return 'revoked'
  if (expires_at !== null && expires_at <= now) return 'expired'
  return owner.status === 'active' && !isLocked(owner, now) ? 'active' : 'owner_inactive'
}

/** The state of the caller: only an active account that is not locked gets as far as its own keys. */
export const ACTIVE_OWNER: KeyOwnerState = { status: 'active', locked_at: null, locked_until: null }
