/**
 * A guess: one try at an account by somebody, with its counters. What a method does around its check:
 * `guessAt` before, then `failAttempt` or `unlockAfterSuccess`.
 */

import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { canonical, type User } from '../../identity/users/index.ts'
import { DEVICE_COOKIE, type Device, findDevice } from './devices.ts'
import {
  type Counter,
  clearFailures,
  countersOf,
  type FailureVerdict,
  forgetFailures,
  forgetFailuresOf,
  lockedProblem,
  lockedUntil,
  recordFailure,
} from './failures.ts'
import { lockedJob } from './jobs.ts'

export interface Guess {
  user: Pick<User, 'id' | 'username'> | null
  device: Device | null
  counters: readonly Counter[]
  lockedUntil: Date | null
}

export interface Tried {
  identifier: string
  /** Whose identifier it is. */
  owner: Pick<User, 'id' | 'username'> | null
  /** The caller's, whoever's it is. */
  device: Device | null
}

/** The device that the caller's cookie names, whoever's it is; null for none. */
export const findCallersDevice = (db: Statements, call: Call): Promise<Device | null> =>
  findDevice(db, call.cookies[DEVICE_COOKIE])

/**
 * Who tries what: the same statements for known and unknown accounts. Who has not verified yet owns nothing, and
 * is unknown here: registering an address must not change how it is counted.
 */
export async function guessAt(
  tools: Pick<Tools, 'keyring' | 'config'>,
  db: Statements,
  call: Call,
  { identifier, owner, device }: Tried,
): Promise<Guess> {
  const counters = countersOf(tools.keyring, tools.config, {
    account: owner ? `id ${owner.id}` : `name ${canonical(identifier)}`,
    ip: call.ip,
    deviceId: owner && knownPlace(call, device, owner.id),
  })
  return { user: owner, device, counters, lockedUntil: await lockedUntil(db, counters, call.now) }
}

/** Where the owner has been before: a device that signed in, or the very session that asks. */
function knownPlace(call: Call, device: Device | null, ownerId: string): string | null {
  if (device?.userId === ownerId) return device.id
  return call.session && call.principal?.userId === ownerId ? call.session.id : null
}

/** Lets somebody in again who has proven who they are by other means, such as their mailbox. */
export async function liftLockout(
  tools: Pick<Tools, 'keyring' | 'config'>,
  tx: Tx,
  call: Call,
  user: Pick<User, 'id' | 'username'>,
): Promise<void> {
  const device = await findCallersDevice(tx, call)
  const { counters } = await guessAt(tools, tx, call, { identifier: user.id, owner: user, device })
  await forgetFailures(tx, counters)
}

/** Lets somebody in again from everywhere, because an administrator says so. */
export async function forgetGuesses(
  tools: Pick<Tools, 'keyring' | 'config'>,
  tx: Tx,
  user: Pick<User, 'id'>,
): Promise<void> {
  const guessed = { account: `id ${user.id}`, ip: null, deviceId: null }
  const [counter] = countersOf(tools.keyring, tools.config, guessed)
  if (counter) await forgetFailuresOf(tx, counter)
}

/** @throws Problem ACCOUNT_LOCKED, recorded, where the account is locked for this caller */
export async function assertUnlocked(tools: Pick<Tools, 'db'>, call: Call, guess: Guess): Promise<void> {
  if (!guess.lockedUntil) return
  await tools.db.tx('system', (tx) => auditFailure(tx, call, guess, 'locked'))
  throw lockedProblem(guess.lockedUntil, call.now)
}

/**
 * Records a failed check in a transaction of its own.
 * @returns the Problem to throw: AUTHENTICATION_FAILED with what is left, or ACCOUNT_LOCKED where others
 *   used the attempts up meanwhile
 */
export async function failAttempt(
  tools: Pick<Tools, 'db' | 'config' | 'jobs'>,
  call: Call,
  guess: Guess,
  reason: string,
): Promise<Problem> {
  const verdict = await tools.db.tx('system', async (tx) => {
    const verdict = await countGuess(tools, tx, call, guess)
    await auditFailure(tx, call, guess, verdict.lockedUntil ? 'locked' : reason)
    return verdict
  })
  if (verdict.lockedUntil) return lockedProblem(verdict.lockedUntil, call.now)
  return problem('AUTHENTICATION_FAILED', {
    details: {
      attempts_remaining: verdict.attemptsRemaining,
      lockout_duration: Math.round(tools.config.lockoutDuration / 1000),
    },
  })
}

/**
 * Counts a check that told something without letting anybody in, and leaves its own event to the caller.
 * @returns the refusal where the account got locked during the check, else null
 */
export async function countAttempt(
  tools: Pick<Tools, 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  guess: Guess,
): Promise<Problem | null> {
  const { lockedUntil } = await countGuess(tools, tx, call, guess)
  if (!lockedUntil) return null
  await auditFailure(tx, call, guess, 'locked')
  return lockedProblem(lockedUntil, call.now)
}

async function countGuess(
  tools: Pick<Tools, 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  guess: Guess,
): Promise<FailureVerdict> {
  const verdict = await recordFailure(tx, guess.counters, tools.config, call.now)
  if (!verdict.tripped) return verdict
  const userId = guess.user?.id ?? null
  await audit(tx, call, { type: 'auth.login.locked', userId, username: guess.user?.username ?? null })
  const payload = { user_id: userId, at: call.now.toISOString(), ip: call.ip, locale: call.locale }
  await tools.jobs.enqueue(tx, lockedJob, payload, { now: call.now })
  return verdict
}

/** After a right credential. @returns the refusal where the account got locked during the check, else null */
export async function unlockAfterSuccess(tx: Tx, call: Call, guess: Guess): Promise<Problem | null> {
  const until = await clearFailures(tx, guess.counters, call.now)
  if (!until) return null
  await auditFailure(tx, call, guess, 'locked')
  return lockedProblem(until, call.now)
}

const auditFailure = (tx: Tx, call: Call, guess: Guess, reason: string): Promise<void> =>
  audit(tx, call, {
    type: 'auth.login.failure',
    userId: guess.user?.id ?? null,
    username: guess.user?.username ?? null,
    details: { reason: guess.user ? reason : reason === 'locked' ? 'locked' : 'unknown_account' },
  })
