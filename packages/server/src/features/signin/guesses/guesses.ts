/**
 * Guesses: one try at a credential each, with its failure counters and lock-out. The door (door/sign-in.ts) runs every
 * method between `openGuess` and one of `recordFailedGuess`, `lockGuesses` and `countUnprovenGuess`.
 */

import type { ProofMethod } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { actsForAccount } from '../../../base/session-proofs.ts'
import { type AuditEntry, audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { User } from '../../identity/users/index.ts'
import { type Device, findCallersDevice } from '../devices/index.ts'
import {
  type Counter,
  clearFailures,
  countersOf,
  type FailureVerdict,
  forgetFailures,
  forgetFailuresOf,
  latestLock,
  lockedProblem,
  lockedUntil,
  lockFailures,
  recordFailure,
} from './failures.ts'
import { lockedJob, secondFactorJob } from './jobs.ts'

/** A try at a credential: whose account, from which device, and what has been counted. */
export interface Guess {
  /** Whose account it is; null where the identifier belongs to none. */
  user: Pick<User, 'id' | 'username'> | null
  device: Device | null
  counters: readonly Counter[]
  /** What a sign-in clears that is completed by it: the counters, and that of second factors where it proves one. */
  cleared: readonly Counter[]
  /** Whether failures are counted. A signature cannot be guessed: its failures lock no account out. */
  isGuessable: boolean
  /** When the caller's lock-out ends; null for none. */
  lockedUntil: Date | null
  /** What every event of the sign-in says about it. */
  details: Readonly<Record<string, unknown>>
  /** The event of a credential that was presented to sign in, to be written with the outcome; none for a confirmation. */
  attempt: readonly AuditEntry[]
}

/** A sign-in, in contrast to the confirmation of a signed-in user's credential. */
export interface SignInRequest {
  /** A session that outlives the browser. */
  remember: boolean
}

export interface GuessRequest {
  /** As it was entered. */
  identifier: string
  /** Whose identifier it is. */
  owner: Pick<User, 'id' | 'username'> | null
  /** The device that the caller's cookie names, whichever user it belongs to. */
  device: Device | null
  /** The name of the method that verifies the credential, or that of the sign-in's first proof. */
  method: string
  /** As of Guess. Default: true. */
  isGuessable?: boolean | undefined
  /** The method that verifies a further proof of an attempt. */
  second?: ProofMethod | null
  /** A passkey that is proven, here or earlier in the attempt: it is a second factor, wherever it comes in a sign-in. */
  passkey?: boolean
  signIn: SignInRequest | null
}

/**
 * Reads the counters of a guess by the same statements for known and unknown accounts. A registration that is not
 * verified owns nothing and counts as unknown, so that registering an address does not change how it is counted.
 */
export async function openGuess(
  tools: Pick<Tools, 'keyring' | 'config'>,
  db: Statements,
  call: Call,
  { identifier, owner, device, method, isGuessable = true, second = null, passkey, signIn }: GuessRequest,
): Promise<Guess> {
  const isMailed = method === 'email_code' && second === null
  const counters = countersFor(tools, call, { identifier, owner, device, second, isMailed })
  const cleared = passkey
    ? countersFor(tools, call, { identifier, owner, device, second: 'passkey' })
    : method === 'magic_link' && second === null
      ? countersFor(tools, call, { identifier, owner, device, second, isMailed: true })
      : counters
  const details = {
    login_method: method,
    mfa_used: false,
    ...(second && { second_factor: second }),
    ...(signIn && { remember_me: signIn.remember }),
  }
  const attempt: AuditEntry = {
    type: 'auth.login.attempt',
    userId: owner?.id ?? null,
    username: owner?.username ?? null,
    details: { ...details, identifier: identifier.slice(0, LONGEST_IDENTIFIER) },
  }
  return {
    user: owner,
    device,
    counters,
    cleared,
    isGuessable,
    lockedUntil: isGuessable ? await lockedUntil(db, counters, call.now) : null,
    details,
    attempt: signIn ? [attempt] : [],
  }
}

/** The longest identifier in the audit log; a person may have typed something else into the field. */
const LONGEST_IDENTIFIER = 320

const countersFor = (
  tools: Pick<Tools, 'keyring' | 'config'>,
  call: Call,
  {
    identifier,
    owner,
    device,
    second,
    isMailed = false,
  }: Pick<GuessRequest, 'identifier' | 'owner' | 'device' | 'second'> & { isMailed?: boolean },
): Counter[] =>
  countersOf(tools.keyring, tools.config, {
    account: owner ? `id ${owner.id}` : `name ${canonical(identifier)}`,
    ip: call.ip,
    deviceId: owner && familiarDevice(call, device, owner.id),
    second: second ? { isCode: CODES.has(second) } : null,
    isMailed,
  })

/** What is short enough to be guessed, however slowly. */
const CODES: ReadonlySet<ProofMethod> = new Set(['totp', 'email_code'])

/**
 * A device that has signed in to the owner's account, or the session that sends the request, where it acts for the account:
 * who administers an organization's provider could begin as many as they like.
 */
function familiarDevice({ session, principal }: Call, device: Device | null, ownerId: string): string | null {
  if (device?.userId === ownerId && device.isFamiliar) return device.id
  if (!session || principal?.userId !== ownerId) return null
  // a token does not say whose provider has vouched
  const acts =
    session.via === 'token'
      ? principal.amr.some((one) => one !== 'fed' && one !== 'mfa')
      : actsForAccount(session.proofs)
  return acts ? session.id : null
}

/**
 * Ends the caller's lock-out, for a user who has proven their identity by other means. Failures of second factors stay
 * counted, unless the sign-in has proven one (`second`).
 */
export async function liftLockout(
  tools: Pick<Tools, 'keyring' | 'config'>,
  tx: Tx,
  call: Call,
  user: Pick<User, 'id' | 'username'>,
  second: ProofMethod | null = null,
): Promise<void> {
  const device = await findCallersDevice(tx, call)
  await forgetFailures(tx, countersFor(tools, call, { identifier: user.id, owner: user, device, second }))
}

/**
 * Ends the lock-out for a user who has proven their mailbox: for the device and for the address that they use, and that
 * over all addresses, also where a known device opens the link. Failures of second factors stay counted: a mailbox is none.
 */
export async function liftLockoutByMailbox(
  tools: Pick<Tools, 'keyring' | 'config'>,
  tx: Tx,
  call: Call,
  user: Pick<User, 'id' | 'username'>,
): Promise<void> {
  const device = await findCallersDevice(tx, call)
  const about = { identifier: user.id, owner: user, second: null, isMailed: true }
  const ofStranger = countersFor(tools, { ...call, session: null }, { ...about, device: null })
  const ofDevice = countersFor(tools, call, { ...about, device })
  // locked first: in one order, as every other statement does
  await clearFailures(tx, await lockFailures(tx, [...ofStranger, ...ofDevice]))
}

/** Ends every lock-out of an account, by an administrator. */
export async function forgetGuesses(
  tools: Pick<Tools, 'keyring' | 'config'>,
  tx: Tx,
  user: Pick<User, 'id'>,
): Promise<void> {
  const target = { account: `id ${user.id}`, ip: null, deviceId: null }
  const [counter] = countersOf(tools.keyring, tools.config, target)
  if (counter) await forgetFailuresOf(tx, counter)
}

/** @throws Problem ACCOUNT_LOCKED, recorded, during the caller's lock-out */
export async function assertUnlocked(tools: Pick<Tools, 'db'>, call: Call, guess: Guess): Promise<void> {
  if (!guess.lockedUntil) return
  await tools.db.tx('system', (tx) => auditFailure(tx, call, guess, 'locked'))
  throw lockedProblem(guess.lockedUntil, call.now)
}

/**
 * Records a wrong credential in a transaction that the refused sign-in cannot roll back.
 * @returns AUTHENTICATION_FAILED with what remains, or ACCOUNT_LOCKED where parallel guesses have used it up
 */
export async function recordFailedGuess(
  tools: Pick<Tools, 'db' | 'config' | 'jobs'>,
  call: Call,
  guess: Guess,
  reason: string,
): Promise<Problem> {
  if (!guess.isGuessable) {
    await tools.db.tx('system', (tx) => auditFailure(tx, call, guess, reason))
    return problem('AUTHENTICATION_FAILED', { message: 'This credential is not accepted. Try again.' })
  }
  const verdict = await tools.db.tx('system', async (tx) => {
    const verdict = await countGuess(tools, tx, call, guess)
    await auditFailure(tx, call, guess, verdict.lockedUntil ? 'locked' : reason)
    return verdict
  })
  if (verdict.lockedUntil) return lockedProblem(verdict.lockedUntil, call.now)
  return problem('AUTHENTICATION_FAILED', {
    ...(guess.details.second_factor === undefined ? {} : { message: 'The second factor was not accepted.' }),
    details: {
      attempts_remaining: verdict.attemptsRemaining,
      lockout_duration: Math.round(tools.config.lockoutDuration / 1000),
    },
  })
}

/**
 * Counts a credential that was right without proving the counted account. The event of the sign-in is the caller's.
 * @returns ACCOUNT_LOCKED where the account was locked while the credential was checked, else null
 */
export async function countUnprovenGuess(
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
  const userId = guess.user?.id ?? null
  const payload = {
    user_id: userId,
    at: call.now.toISOString(),
    ip: call.ip,
    user_agent: call.userAgent,
    locale: call.locale,
  }
  if (verdict.isSuspicious) await tools.jobs.enqueue(tx, secondFactorJob, payload, { now: call.now })
  if (!verdict.tripped) return verdict
  await audit(tx, call, { type: 'auth.login.locked', userId, username: guess.user?.username ?? null })
  await tools.jobs.enqueue(tx, lockedJob, payload, { now: call.now })
  return verdict
}

/** The failures of the counted account after a right credential, locked until the end of the transaction. */
export interface LockedGuesses {
  /** @returns ACCOUNT_LOCKED, recorded, where the account was locked while the credential was checked, else null */
  findRefusal(): Promise<Problem | null>
  /** Deletes the failures: for a sign-in that is complete, since a right password alone proves one factor. */
  clear(): Promise<void>
}

export async function lockGuesses(tx: Tx, call: Call, guess: Guess): Promise<LockedGuesses> {
  const failures = await lockFailures(tx, guess.cleared)
  return {
    async findRefusal() {
      const until = latestLock(failures, guess.counters, call.now)
      if (!until || !guess.isGuessable) return null
      await auditFailure(tx, call, guess, 'locked')
      return lockedProblem(until, call.now)
    },
    clear: () => clearFailures(tx, failures),
  }
}

const auditFailure = (tx: Tx, call: Call, guess: Guess, reason: string): Promise<void> =>
  audit(tx, call, ...guess.attempt, {
    type: 'auth.login.failure',
    userId: guess.user?.id ?? null,
    username: guess.user?.username ?? null,
    details: {
      ...guess.details,
      reason: guess.user ? reason : reason === 'locked' ? 'locked' : 'unknown_account',
    },
  })
