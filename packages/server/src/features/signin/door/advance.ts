/**
 * The dispatcher of sign-ins, and the only caller of `startSession` and `raiseSession`. It takes an attempt's step by what
 * was proven or fulfilled, asks `nextStep`, and starts or raises the session only at `done`, with its audit event, its
 * device and its e-mail, in one transaction. Hosted pages, the JSON API and every later protocol pass through here.
 */
import type { CompiledQuery } from 'kysely'
import { acrOf, findUnenrolled, needsDevice, type SignInFacts } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { runTogether } from '../../../base/db/compiled.ts'
import type { Tx } from '../../../base/db/types.ts'
import { provesEnrolled } from '../../../base/enrolled.ts'
import { type ErrorCode, type Problem, problem } from '../../../base/errors.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { newId } from '../../../base/ids.ts'
import { actsForAccount } from '../../../base/session-proofs.ts'
import { type AuditEntry, audit, auditInserts } from '../../../core/audit/index.ts'
import { findSignInFacts } from '../../../core/factors/index.ts'
import { recordStopped, type SignInCompliance, signInCompliance } from '../../../core/policies.ts'
import type { ConnectedSession } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { requestVerification } from '../../identity/emails/index.ts'
import {
  endSessions,
  raiseSession,
  type StartedSession,
  startSession,
} from '../../identity/sessions/index.ts'
import { organizationWished, type User, updateLastSignIn } from '../../identity/users/index.ts'
import {
  type AfterSignIn,
  type Attempt,
  attemptInsert,
  beginAttempt,
  moveAttempt,
  type Proof,
  type Requirement,
} from '../attempts/index.ts'
import { addDevice, type Device, deviceUse } from '../devices/index.ts'
import { reportNewDevice } from '../guesses/index.ts'
import { questions } from '../round-trips/index.ts'
import { samlSessionInsert } from '../saml/index.ts'
import {
  attemptEnded,
  isWaiting,
  offerOf,
  type Refusal,
  refusalOf,
  stepOf,
  type WaitingStep,
} from '../steps/index.ts'

export interface CompletedSignIn {
  user: User
  /** Whether the session was started, or an existing one was raised. */
  purpose: 'sign_in' | 'step_up'
  session: StartedSession
  deviceCookie: CookieChange | null
  after: AfterSignIn
  /** Null where nothing is demanded of the user. */
  compliance: SignInCompliance | null
}

/**
 * What a step leads to. A refusal is returned, not thrown, so that what was recorded about it is committed.
 * `next`: the attempt waits at this step, and is resumed by its token.
 */
export type Outcome =
  | { done: CompletedSignIn }
  | { next: WaitingStep; attempt: Attempt; user: User; facts: SignInFacts }
  | { refused: Problem }

export type DoorTools = Pick<Tools, 'config' | 'jobs'>

/** What a step adds to an attempt. */
export interface StepTaken {
  user: User
  device: Device | null
  /** What the device proves, where the user chose to remember it; null: nothing. */
  remembered: Proof | null
  /** What the user can prove, read under the lock of the user's row; default: they are read. */
  facts?: SignInFacts
  proof?: Proof
  requires?: readonly Requirement[]
  /** A requirement that `fulfil` fulfils, once this call has taken the step. */
  fulfilled?: Requirement
  fulfil?: () => Promise<void>
  /** That it registered the user, who gets an e-mail about that. */
  registers?: true
  /** What the session is called at the provider that has proven the user with it. */
  providerSession?: ConnectedSession | null
  /** Events about this step that are written with its outcome. */
  events?: readonly AuditEntry[]
  /** Ends what was counted against the user, once the sign-in is complete. */
  settle?: () => Promise<void>
}

type Completing = StepTaken & Pick<CompletedSignIn, 'compliance'>

/**
 * Takes the step that the attempt waits at. @throws what `fulfil` throws, and then nothing is written; Problem CONFLICT where
 * the attempt has ended or another answer has taken the step: then what its credential used up is not used up
 */
export async function advance(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: StepTaken,
): Promise<Outcome> {
  const { user } = taken
  if (attempt.stepUp && attempt.stepUp.sessionId !== call.session?.id) throw attemptEnded()
  const facts = taken.facts ?? (await findSignInFacts(tools, tx, user.id, call.now))
  const proofs = proofsAfter(attempt, taken, facts, call.now)
  const requirements = [
    ...attempt.requirements.filter((one) => one.split(':')[0] !== taken.fulfilled),
    ...(taken.requires ?? []),
  ]
  const step = stepOf(tools.config, call.now, { user, proofs, requirements, stepUp: attempt.stepUp, facts })
  const progress: Parameters<typeof moveAttempt>[2] = {
    step,
    userId: user.id,
    proofs,
    requirements,
    providerSession: taken.providerSession ?? attempt.providerSession,
    isFinished: !isWaiting(step),
  }
  if (attempt.isStored && !(await moveAttempt(tx, attempt, progress, call.now))) throw attemptEnded()
  if (step === 'done' || isWaiting(step)) await taken.fulfil?.()
  const moved = { ...attempt, ...progress, version: attempt.version + (attempt.isStored ? 1 : 0) }
  const inserts = attempt.isStored ? [] : [attemptInsert(attempt, progress)]
  if (step === 'done') {
    // an organization that is no authority for the account does not end what was counted against it
    if (actsForAccount(proofs)) await taken.settle?.()
    const compliance = signInCompliance(facts, call.now)
    return attempt.stepUp
      ? await finishStepUp(tx, call, moved, attempt.stepUp.sessionId, { ...taken, compliance })
      : await finish(tools, tx, call, moved, { ...taken, compliance }, inserts)
  }
  const [outcome] = await Promise.all([
    isWaiting(step)
      ? wait(tools, tx, call, moved, { ...taken, facts }, step)
      : refuse(tx, call, moved, taken, step),
    runTogether(tx, inserts),
  ])
  return outcome
}

/**
 * Whether an attempt still waits at its step: a factor that was enrolled meanwhile is proven before another is, and before a
 * password is replaced. How recent the proofs of a step-up are was judged when it came there. @param facts before the step
 */
export const isStillDue = (
  { config }: Pick<Tools, 'config'>,
  call: Call,
  { step, ...attempt }: Attempt,
  user: User,
  facts: SignInFacts,
): boolean =>
  attempt.stepUp
    ? provesEnrolled([...attempt.proofs, ...(attempt.stepUp.demand.former ?? [])], facts)
    : stepOf(config, call.now, { ...attempt, user, facts }) === step

/** A remembered device is a proof only of a sign-in that it completes: it neither raises a session nor lets a factor be set up. */
function proofsAfter(
  { proofs: former, stepUp }: Attempt,
  { proof, remembered }: StepTaken,
  facts: SignInFacts,
  now: Date,
): readonly Proof[] {
  const proofs = proof ? [...former, proof] : former
  if (!remembered || stepUp || !needsDevice(proofs, facts)) return proofs
  const completed = [...proofs, remembered]
  return findUnenrolled(completed, facts, now) ? proofs : completed
}

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
  const attempt = { ...beginAttempt(after, call.now), proofs: [proof], requirements }
  const facts = taken.facts ?? (await findSignInFacts(tools, tx, user.id, call.now))
  const step = stepOf(tools.config, call.now, { ...attempt, user, facts })
  if (step === 'done') {
    await taken.settle?.()
    return { user, proof }
  }
  if (!isWaiting(step)) return await refuse(tx, call, attempt, taken, step)
  if (step === 'verify_email') {
    await reportUnverified(tools, tx, call, attempt, taken)
    return { refused: problem('EMAIL_NOT_VERIFIED') }
  }
  const code = REFUSED_AT[step]
  if (!code) throw new Error(`a proof cannot lead to ${step}`)
  await auditFailure(tx, call, attempt, taken, step)
  return { refused: step === 'change_password' ? passwordExpired(requirements) : problem(code) }
}

/** PASSWORD_EXPIRED, with the reason that is among the requirements, and what continues the attempt. */
export function passwordExpired(requirements: readonly Requirement[], more: object = {}): Problem {
  const reason = requirements.map((one) => one.split(':')[1]).find((one) => one !== undefined)
  return problem('PASSWORD_EXPIRED', { details: { ...more, ...(reason && { reason }) } })
}

/** What a credential is refused with that would have to be continued by a further step. */
const REFUSED_AT: Readonly<Partial<Record<WaitingStep, ErrorCode>>> = {
  change_password: 'PASSWORD_EXPIRED',
  second_factor: 'MFA_REQUIRED',
  enrol: 'MFA_ENROLMENT_REQUIRED',
}

/** Raises the session that began the step-up. */
async function finishStepUp(
  tx: Tx,
  call: Call,
  attempt: Attempt,
  sessionId: string,
  { user, compliance, ...taken }: Completing,
): Promise<Outcome> {
  const { proofs, after } = attempt
  const session = await raiseSession(tx, call, { id: sessionId, userId: user.id, proofs })
  await runTogether(tx, providerSessionOf(attempt, sessionId))
  await audit(tx, call, ...eventsAbout({ ...taken, user }), {
    type: 'auth.step_up.success',
    userId: user.id,
    username: user.username,
    sessionId,
    details: { methods: proofs.map((proof) => proof.method), acr: acrOf(proofs) },
  })
  return { done: { user, purpose: 'step_up', session, deviceCookie: null, after, compliance } }
}

/** The statement that keeps what the session is called at its provider, for single logout; none for other methods. */
const providerSessionOf = ({ providerSession }: Attempt, sessionId: string): CompiledQuery[] =>
  providerSession === null ? [] : [samlSessionInsert({ session_id: sessionId, ...providerSession })]

/** Starts the session. @param inserts a statement that is run together with the others, where there is one */
async function finish(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  taken: Completing,
  inserts: readonly CompiledQuery[],
): Promise<Outcome> {
  const { proofs, after } = attempt
  const { user, device, compliance } = taken
  const own = device?.userId === user.id ? device : null
  const isFamiliar = actsForAccount(proofs)
  const known = own?.isFamiliar === false && isFamiliar ? null : own
  const trustedUntil = trustOf(tools, call, proofs)
  const added = known ? null : await addDevice(tx, call, user.id, { trustedUntil, isFamiliar, replaces: own })
  const id = newId('ses')
  const { session, insert } = startSession(tools, call, { id, userId: user.id, proofs, ...after })
  const about = { userId: user.id, username: user.username, sessionId: id }
  // the first sign-in is not from another device
  const isNewDevice = own === null && user.last_login_at !== null
  const details = { ...detailsOf(attempt), new_device: isNewDevice }
  const events = auditInserts(
    call,
    ...eventsAbout(taken),
    { type: 'auth.login.success', ...about, details },
    ...(trustedUntil
      ? [
          {
            type: 'auth.device.remembered',
            ...about,
            details: { until: trustedUntil.toISOString() },
          } as const,
        ]
      : []),
  )
  const uses = known ? [deviceUse(call, known.id, trustedUntil)] : added ? [added.insert] : []
  const signedIn = updateLastSignIn({ id: user.id, now: call.now })
  tx.withCommit([
    insert,
    signedIn,
    ...uses,
    ...events,
    ...inserts,
    ...providerSessionOf(attempt, id),
    ...questions.claim(call, after.returnTo, user.id),
  ])
  // independent of each other, so they are sent at once
  await Promise.all([
    endFormerSession(tx, call),
    isNewDevice && reportNewDevice(tools, tx, call, user),
    // a job, because the sign-in must not fail with it
    user.organization_wish !== null &&
      tools.jobs.enqueue(tx, organizationWished, { user_id: user.id }, { now: call.now }),
  ])
  return {
    done: { user, purpose: 'sign_in', session, deviceCookie: added?.cookie ?? null, after, compliance },
  }
}

/** Until when the browser is accepted as a second factor, where its user chose so; null: nothing was chosen. */
function trustOf({ config }: DoorTools, { now }: Call, proofs: readonly Proof[]): Date | null {
  const isChosen = config.rememberedDevice > 0 && proofs.some(({ remembers }) => remembers)
  return isChosen ? later(now, config.rememberedDevice) : null
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
  taken: StepTaken & { facts: SignInFacts },
  next: WaitingStep,
): Promise<Outcome> {
  const { user, facts } = taken
  const isUnverified = next === 'verify_email' && !taken.registers
  if (isUnverified) await reportUnverified(tools, tx, call, attempt, taken)
  else {
    const events = eventsAbout(taken).map((event) => ({ ...event, details: { ...event.details, next } }))
    if (events.length > 0) await audit(tx, call, ...events)
  }
  const organizationId =
    next === 'enrol' ? offerOf(attempt, user, facts, call.now).demand?.organizationId : null
  if (organizationId)
    await recordStopped(tx, call, { organizationId, userId: user.id, username: user.username })
  return { next, attempt, user, facts }
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

/** What the audit log says about a sign-in. Two proofs of one factor are one, and a remembered device is none. */
function detailsOf({ proofs, after }: Attempt): Record<string, unknown> {
  const given = proofs.filter(({ channel }) => channel !== 'device')
  return {
    login_method: proofs[0]?.method ?? null,
    methods: proofs.map((proof) => proof.method),
    mfa_used: acrOf(given) !== 'aal1' || new Set(given.map((proof) => proof.factor)).size > 1,
    remember_me: after.remember,
    ...connectionOf(proofs),
    ...(given.length < proofs.length && { remembered_device: true }),
  }
}

const connectionOf = (proofs: readonly Proof[]): { connection_id?: string } => {
  const connection = proofs.findLast((proof) => proof.connection)?.connection
  return connection === undefined ? {} : { connection_id: connection }
}

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
