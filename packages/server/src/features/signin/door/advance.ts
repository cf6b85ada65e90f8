/**
 * The dispatcher of sign-ins, and the only caller of `startSession`. It takes an attempt's step by what was proven or
 * fulfilled, asks `nextStep`, and starts the session only at `done`, with its audit event, its device and its e-mail,
 * in one transaction. Hosted pages, the JSON API and every later protocol pass through here.
 */
import type { CompiledQuery } from 'kysely'
import type { Call } from '../../../base/call.ts'
import { runTogether } from '../../../base/db/compiled.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { newId } from '../../../base/ids.ts'
import { type AuditEntry, audit, auditInserts } from '../../../core/audit/index.ts'
import { accountLocked, isLocked } from '../../../core/locks.ts'
import type { Tools } from '../../../core/tools.ts'
import { requestVerification } from '../../identity/emails/index.ts'
import { endSessions, type StartedSession, startSession } from '../../identity/sessions/index.ts'
import { organizationWished, type User, updateLastSignIn } from '../../identity/users/index.ts'
import { addDevice, type Device, reportNewDevice, updateDeviceUse } from '../guesses/index.ts'
import {
  type AfterSignIn,
  type Attempt,
  type AttemptProgress,
  attemptInsert,
  beginAttempt,
  moveAttempt,
} from './attempts.ts'
import {
  isWaiting,
  nextStep,
  type Proof,
  type Refusal,
  type Requirement,
  type Step,
  type WaitingStep,
} from './next-step.ts'

export interface CompletedSignIn {
  user: User
  session: StartedSession
  deviceCookie: CookieChange | null
  after: AfterSignIn
}

/**
 * What a step leads to. A refusal is returned, not thrown, so that what was recorded about it is committed.
 * `next`: the attempt waits at this step, and is resumed by its token.
 */
export type Outcome =
  | { done: CompletedSignIn }
  | { next: WaitingStep; attempt: Attempt; user: User }
  | { refused: Problem }

export type DoorTools = Pick<Tools, 'config' | 'jobs'>

/** What a step adds to an attempt. */
export interface StepTaken {
  user: User
  device: Device | null
  proof?: Proof
  requires?: readonly Requirement[]
  /** A requirement that `fulfil` fulfils, once this call has taken the step. */
  fulfilled?: Requirement
  fulfil?: () => Promise<void>
  /** Events about this step that are written with its outcome. */
  events?: readonly AuditEntry[]
}

export const attemptEnded = (): Problem =>
  problem('CONFLICT', { message: 'This sign-in was already completed or has expired. Sign in again.' })

/** Takes the step that the attempt waits at. @throws what `fulfil` throws, and then nothing is written */
export async function advance(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: StepTaken,
): Promise<Outcome> {
  const { user } = taken
  const proofs = taken.proof ? [...attempt.proofs, taken.proof] : attempt.proofs
  const requirements = [
    ...attempt.requirements.filter((one) => one !== taken.fulfilled),
    ...(taken.requires ?? []),
  ]
  const step = stepOf(tools, call, { user, proofs, requirements })
  const progress: AttemptProgress = {
    step,
    userId: user.id,
    proofs,
    requirements,
    isFinished: !isWaiting(step),
  }
  if (attempt.isStored && !(await moveAttempt(tx, attempt, progress, call.now)))
    return { refused: attemptEnded() }
  if (step === 'done' || isWaiting(step)) await taken.fulfil?.()
  const moved = { ...attempt, ...progress }
  const inserts = attempt.isStored ? [] : [attemptInsert(attempt, progress)]
  if (step === 'done') return await finish(tools, tx, call, moved, taken, inserts)
  const [outcome] = await Promise.all([
    isWaiting(step) ? wait(tools, tx, call, moved, taken, step) : refuse(tx, call, moved, taken, step),
    runTogether(tx, inserts),
  ])
  return outcome
}

const stepOf = (
  { config }: Pick<DoorTools, 'config'>,
  { now }: Call,
  { user, ...facts }: { user: User } & Pick<Attempt, 'proofs' | 'requirements'>,
): Step =>
  nextStep({
    ...facts,
    user: {
      id: user.id,
      status: user.status,
      emailVerified: user.email_verified_at !== null,
      locked: isLocked(user, now),
    },
    emailVerification: config.emailVerification,
  })

/** The user of a credential that completes a sign-in by itself, and the proof. */
export interface CheckedUser {
  user: User
  proof: Proof
}

/**
 * Judges a proof as a sign-in does, without starting a session. What a sign-in would continue with a further step is a
 * refusal here: there is no attempt to resume.
 */
export async function judge(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  taken: StepTaken & { proof: Proof },
): Promise<CheckedUser | { refused: Problem }> {
  const { user, proof, requires: requirements = [] } = taken
  const after = { remember: false, returnTo: null, tokens: false }
  const attempt = { ...beginAttempt(after, call.now), proofs: [proof] }
  const step = stepOf(tools, call, { user, proofs: [proof], requirements })
  if (step === 'done') return { user, proof }
  if (!isWaiting(step)) return await refuse(tx, call, attempt, taken, step)
  if (step === 'verify_email') {
    await reportUnverified(tools, tx, call, attempt, taken)
    return { refused: problem('EMAIL_NOT_VERIFIED') }
  }
  if (step !== 'change_password') throw new Error(`a proof cannot lead to ${step}`)
  await auditFailure(tx, call, attempt, taken, step)
  return { refused: problem('PASSWORD_EXPIRED') }
}

/** Starts the session. @param inserts a statement that is run together with the others, where there is one */
async function finish(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: StepTaken,
  inserts: readonly CompiledQuery[],
): Promise<Outcome> {
  const { proofs, after } = attempt
  const { user, device } = taken
  const known = device?.userId === user.id ? device : null
  const added = known ? null : await addDevice(tx, user.id, call.now)
  const id = newId('ses')
  const amr = [...new Set(proofs.flatMap((proof) => proof.amr))]
  const { session, insert } = startSession(tools, call, { id, userId: user.id, amr, ...after })
  const events = auditInserts(call, ...eventsAbout(taken), {
    type: 'auth.login.success',
    userId: user.id,
    username: user.username,
    sessionId: id,
    details: { ...detailsOf(attempt), new_device: added?.newToUser ?? false },
  })
  const uses = known ? [updateDeviceUse({ id: known.id, now: call.now })] : added ? [added.insert] : []
  const signedIn = updateLastSignIn({ id: user.id, now: call.now })
  tx.withCommit([insert, signedIn, ...uses, ...events, ...inserts])
  // independent of each other, so they are sent at once
  await Promise.all([
    endFormerSession(tx, call),
    added?.newToUser && reportNewDevice(tools, tx, call, user),
    // a job, because the sign-in must not fail with it
    user.organization_wish !== null &&
      tools.jobs.enqueue(tx, organizationWished, { user_id: user.id }, { now: call.now }),
  ])
  return { done: { user, session, deviceCookie: added?.cookie ?? null, after } }
}

/** A browser has one session: a new sign-in ends the one before, whichever account it belongs to. */
async function endFormerSession(tx: Tx, call: Call): Promise<void> {
  if (call.session?.via !== 'cookie' || !call.principal) return
  const { userId, username } = call.principal
  await endSessions(tx, call, { userId, username, reason: 'signed_out', only: call.session.id })
}

/** The credential was right and something is missing: neither a success yet nor a failure. */
async function wait(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: StepTaken,
  next: WaitingStep,
): Promise<Outcome> {
  const { user } = taken
  // a registration has sent its own e-mail
  const isUnverified = next === 'verify_email' && taken.proof?.method !== 'registration'
  if (isUnverified) await reportUnverified(tools, tx, call, attempt, taken)
  else {
    const events = eventsAbout(taken).map((event) => ({ ...event, details: { ...event.details, next } }))
    if (events.length > 0) await audit(tx, call, ...events)
  }
  return { next, attempt, user }
}

/** The right credential of an account whose address is not verified: a failure in the audit log, and another e-mail. */
async function reportUnverified(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: StepTaken,
): Promise<void> {
  await requestVerification(tools, tx, call, taken.user, attempt.after.returnTo)
  await auditFailure(tx, call, attempt, taken, 'verify_email')
}

/** The events of a step, about the user that it proved: an identifier may be of an owner and of a registration. */
const eventsAbout = ({ events = [], user: { id: userId, username } }: StepTaken): AuditEntry[] =>
  events.map((event) => ({ ...event, userId, username }))

/** What the audit log says about a sign-in. Two proofs of one kind are one factor. */
const detailsOf = ({ proofs, after }: Attempt): Record<string, unknown> => ({
  login_method: proofs[0]?.method ?? null,
  methods: proofs.map((proof) => proof.method),
  mfa_used: new Set(proofs.map((proof) => proof.factor)).size > 1,
  remember_me: after.remember,
})

async function refuse(
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: StepTaken,
  step: Refusal,
): Promise<{ refused: Problem }> {
  await auditFailure(tx, call, attempt, taken, step)
  return { refused: refusalOf(taken.user, call.now, step) }
}

const refusalOf = (user: User, now: Date, step: Refusal): Problem =>
  step === 'refuse_disabled' ? problem('ACCOUNT_DISABLED') : accountLocked(user, now)

/** What continuing the attempt would be refused with: that of an account that may not sign in. */
export function refusalAt(
  tools: Pick<Tools, 'config'>,
  call: Call,
  attempt: Pick<Attempt, 'proofs' | 'requirements'>,
  user: User,
): Problem | null {
  const step = stepOf(tools, call, { ...attempt, user })
  return step === 'done' || isWaiting(step) ? null : refusalOf(user, call.now, step)
}

const auditFailure = (
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: StepTaken,
  reason: Refusal | WaitingStep,
): Promise<void> =>
  audit(tx, call, ...eventsAbout(taken), {
    type: 'auth.login.failure',
    userId: taken.user.id,
    username: taken.user.username,
    details: { ...detailsOf(attempt), reason },
  })
