/**
 * The one door. Every method hands its Proof to `advance`, which writes it down, asks `nextStep`, and only
 * when that says so starts a session, with its audit event, its device and its letter, in one transaction.
 * Hosted pages, the JSON API and every later protocol come through here.
 */

import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { accountLocked, isLocked } from '../../../core/locks.ts'
import type { Tools } from '../../../core/tools.ts'
import { requestVerification } from '../../identity/emails/index.ts'
import { endSessions, type StartedSession, startSession } from '../../identity/sessions/index.ts'
import { organizationWished, type User, updateLastLogin } from '../../identity/users/index.ts'
import { addDevice, type Device, updateDeviceUse } from '../guesses/devices.ts'
import { newDeviceJob } from '../guesses/jobs.ts'
import { type Attempt, insertAttempt, moveAttempt, type Taken } from './attempts.ts'
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
    user: {
      id: user.id,
      status: user.status,
      emailVerified: user.email_verified_at !== null,
      locked: isLocked(user, call.now),
    },
    emailVerification: tools.config.emailVerification,
  })
  const taken: Taken = { step, userId: user.id, proofs, finished: true }
  if (attempt.isStored && !(await moveAttempt(tx, attempt, taken, call.now))) {
    return { refused: problem('CONFLICT', { message: 'This sign-in was already completed or has expired.' }) }
  }
  const [outcome] = await Promise.all([
    step === 'done' || step === 'change_password'
      ? finish(tools, tx, call, attempt, { ...given, step, proofs })
      : refuse(tools, tx, call, user, step),
    attempt.isStored ? null : insertAttempt(tx, attempt, taken),
  ])
  return outcome
}

async function finish(
  tools: Pick<Tools, 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  attempt: Attempt,
  given: { user: User; proofs: readonly Proof[]; device: Device | null; step: Step },
): Promise<Advanced> {
  const { user, proofs } = given
  const known = given.device?.userId === user.id ? given.device : null
  const added = known ? null : await addDevice(tx, user.id, call.now)
  const id = newId('ses')
  const limitedTo = given.step === 'change_password' ? 'password_change' : null
  const amr = [...new Set(proofs.flatMap((proof) => proof.amr))]
  // none of these needs another's answer
  const [session] = await Promise.all([
    startSession(tools, tx, call, { id, userId: user.id, amr, remember: attempt.remember, limitedTo }),
    endFormerSession(tx, call),
    known && updateDeviceUse(tx, known.id, call.now),
    updateLastLogin(tx, user.id, call.now),
    audit(tx, call, {
      type: 'auth.login.success',
      userId: user.id,
      username: user.username,
      sessionId: id,
      details: { methods: proofs.map((proof) => proof.method), new_device: added?.newToUser ?? false },
    }),
    added?.newToUser && tellOfNewDevice(tools, tx, call, user),
    // made apart from the sign-in, which cannot fail for its sake
    user.organization_wish !== null &&
      tools.jobs.enqueue(tx, organizationWished, { user_id: user.id }, { now: call.now }),
  ])
  const deviceCookie = added?.cookie ?? null
  return { done: { user, session, limitedTo, deviceCookie, returnTo: attempt.returnTo } }
}

/** The browser has one session: the one it had ends, whoever's it was. */
async function endFormerSession(tx: Tx, call: Call): Promise<void> {
  if (call.session?.via !== 'cookie' || !call.principal) return
  const { userId, username } = call.principal
  await endSessions(tx, call, { userId, username, reason: 'signed_out', only: call.session.id })
}

async function tellOfNewDevice(tools: Pick<Tools, 'jobs'>, tx: Tx, call: Call, user: User): Promise<void> {
  const payload = {
    user_id: user.id,
    at: call.now.toISOString(),
    ip: call.ip,
    user_agent: call.userAgent,
    locale: call.locale,
  }
  await tools.jobs.enqueue(tx, newDeviceJob, payload, { now: call.now })
}

async function refuse(
  tools: Pick<Tools, 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  user: User,
  step: Step,
): Promise<Advanced> {
  if (step === 'verify_email') await requestVerification(tools, tx, call, user)
  await audit(tx, call, {
    type: 'auth.login.failure',
    userId: user.id,
    username: user.username,
    details: { reason: step },
  })
  if (step === 'verify_email') return { refused: problem('EMAIL_NOT_VERIFIED') }
  if (step === 'refuse_disabled') return { refused: problem('ACCOUNT_DISABLED') }
  if (step === 'refuse_locked') return { refused: accountLocked(user, call.now) }
  throw new Error(`a sign-in with a proof cannot be at the step ${step}`)
}
