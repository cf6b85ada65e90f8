/**
 * The one door. Every method hands its Proof to `advance`, which writes it down, asks `nextStep`, and only
 * when that says so starts a session, with its audit event, its device and its letter, in one transaction.
 * Hosted pages, the JSON API and every later protocol come through here.
 */
import { audit } from '../../base/audit/index.ts'
import type { Call } from '../../base/call.ts'
import type { Tx } from '../../base/db/types.ts'
import { type Problem, problem } from '../../base/errors.ts'
import type { CookieChange } from '../../base/http/route.ts'
import type { Tools } from '../../base/tools.ts'
import { requestVerification } from '../emails/index.ts'
import { endSessions, type StartedSession, startSession } from '../sessions/index.ts'
import { type User, updateLastLogin } from '../users/index.ts'
import { type Attempt, moveAttempt } from './attempts.ts'
import { type Device, rememberDevice } from './devices.ts'
import { nextStep, type Proof, type Step } from './next-step.ts'

export interface SignedIn {
  user: User
  session: StartedSession
  /** The session is good for one thing only until that is done. */
  limitedTo: 'password_change' | null
  deviceCookie: CookieChange | null
  returnTo: string | null
}

/** A refusal is handed back, not thrown, so that what was recorded about it is committed. */
export type Advanced = { done: SignedIn } | { refused: Problem }

export async function advance(
  tools: Pick<Tools, 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  given: { user: User; proof: Proof; device: Device | null },
): Promise<Advanced> {
  const { user, proof } = given
  const proofs = [...attempt.proofs, proof]
  const step = nextStep({
    proofs,
    user: { id: user.id, status: user.status, emailVerified: user.email_verified_at !== null },
    emailVerification: tools.config.emailVerification,
  })
  const starts = step === 'done' || step === 'change_password'
  if (!(await moveAttempt(tx, attempt, { step, userId: user.id, proofs, finished: true }, call.now))) {
    return { refused: problem('CONFLICT', { message: 'This sign-in was already completed or has expired.' }) }
  }
  return starts
    ? { done: await finish(tools, tx, call, attempt, { ...given, step, proofs }) }
    : { refused: await refuse(tools, tx, call, user, step) }
}

async function finish(
  tools: Pick<Tools, 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  given: { user: User; proofs: readonly Proof[]; device: Device | null; step: Step },
): Promise<SignedIn> {
  const { user, proofs } = given
  const limitedTo = given.step === 'change_password' ? 'password_change' : null
  const amr = [...new Set(proofs.flatMap((proof) => proof.amr))]
  const session = await startSession(tools, tx, call, {
    userId: user.id,
    amr,
    remember: attempt.remember,
    limitedTo,
  })
  // the browser has one session: the one it had ends, whoever's it was
  if (call.session?.via === 'cookie' && call.principal) {
    const { userId, username } = call.principal
    await endSessions(tx, call, { userId, username, reason: 'signed_out', only: call.session.id })
  }
  const device = await rememberDevice(tx, user.id, given.device, call.now)
  await updateLastLogin(tx, user.id, call.now)
  await audit(tx, call, {
    type: 'auth.login.success',
    userId: user.id,
    username: user.username,
    sessionId: session.id,
    details: { methods: proofs.map((proof) => proof.method), new_device: device.newToUser },
  })
  if (device.newToUser) {
    const payload = {
      user_id: user.id,
      at: call.now.toISOString(),
      ip: call.ip,
      user_agent: call.userAgent,
      locale: call.locale,
    }
    await tools.jobs.enqueue(tx, 'signin.new_device', payload, { now: call.now })
  }
  return { user, session, limitedTo, deviceCookie: device.cookie, returnTo: attempt.returnTo }
}

async function refuse(
  tools: Pick<Tools, 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  user: User,
  step: Step,
): Promise<Problem> {
  if (step === 'verify_email') await requestVerification(tools, tx, call, user)
  await audit(tx, call, {
    type: 'auth.login.failure',
    userId: user.id,
    username: user.username,
    details: { reason: step },
  })
  if (step === 'verify_email') return problem('EMAIL_NOT_VERIFIED')
  if (step === 'refuse_disabled') return problem('ACCOUNT_DISABLED')
  throw new Error(`a sign-in with a proof cannot be at the step ${step}`)
}
