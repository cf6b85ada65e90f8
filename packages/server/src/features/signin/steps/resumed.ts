/**
 * Attempts that wait, as they are resumed: what they offer, and why one cannot be continued. A step-up is resumed only
 * under the session that began it.
 */
import {
  acceptsDevice,
  type Demand,
  type EnrollableKind,
  enrollableFor,
  type SecondMethod,
  type SignInFacts,
} from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { runTogether } from '../../../base/db/compiled.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { type Blocked, findBlocked } from '../../../base/refused-factors.ts'
import { findSessionProofs, findSignInFacts } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUser, getUser, type User } from '../../identity/users/index.ts'
import {
  type Attempt,
  attemptInsert,
  beginAttempt,
  resumeAttempt,
  type StepUpDemand,
  stepUps,
} from '../attempts/index.ts'
import { attemptEnded, findRefusal, knownOf } from './judged.ts'
import { demandAtStep, methodsAtStep, type WaitingStep } from './next-step.ts'

type ResumeTools = Pick<Tools, 'config' | 'db'>

export const unknownAttempt = (): Problem =>
  problem('NOT_FOUND', { message: 'This sign-in was completed, or it has expired. Sign in again.' })

/**
 * That continuing the attempt would not be refused: its user may sign in. As the system, because the attempt is the
 * credential. @throws Problem ACCOUNT_DISABLED, ACCOUNT_LOCKED
 */
export async function assertMayContinue(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  attempt: Attempt,
): Promise<void> {
  const { userId } = attempt
  const user = userId === null ? null : await tools.db.tx('system', (tx) => findUser(tx, userId))
  const refusal = user && findRefusal(tools.config, call.now, attempt, user)
  if (refusal) throw refusal
}

/** The attempt, at any step; null as `resumeAttempt`, and for a step-up of another session. */
export async function findAttempt(
  tools: Pick<Tools, 'db'>,
  call: Call,
  token: string,
): Promise<Attempt | null> {
  const attempt = await resumeAttempt(tools.db.hot, token, call.now)
  return attempt?.stepUp && attempt.stepUp.sessionId !== call.session?.id ? null : attempt
}

/**
 * The attempt, where it waits at one of `steps`. `toShow`: also refused where continuing it would be, so that no form is
 * shown that cannot succeed. @throws Problem NOT_FOUND; CONFLICT where it waits at another step
 */
export async function getAttempt(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  token: string,
  steps: readonly WaitingStep[],
  { toShow = false }: { toShow?: boolean } = {},
): Promise<Attempt & { userId: string }> {
  const attempt = await findAttempt(tools, call, token)
  if (!attempt) throw unknownAttempt()
  const { userId, step } = attempt
  if (userId === null || !steps.some((one) => one === step)) throw attemptEnded()
  if (toShow) await assertMayContinue(tools, call, attempt)
  return { ...attempt, userId }
}

/** What an attempt offers at its step. */
export interface Offer {
  /** The methods of which one continues it at `prove` or `second_factor`. */
  methods: readonly SecondMethod[]
  /** At `enrol`: the factors of which one continues it, and whose demand it is. */
  enrollable: readonly EnrollableKind[]
  demand: Demand | null
  /** Why there is no method at `prove` or `second_factor`; null where there is one, and where nothing is refused. */
  blocked: { reason: Blocked; message: string } | null
}

/** What a user without a method is answered. */
const BLOCKED: Readonly<Record<Blocked, string>> = {
  factor_refused:
    'The second factor of this account is refused, and there is no other. Ask an administrator to reset the second factors.',
  recent_reset:
    'The password was reset by e-mail less than an hour ago, so that a code by e-mail is not accepted as the second factor. Sign in again when an hour has passed since the reset, or ask an administrator to reset the second factors.',
}

const NOTHING: Offer = { methods: [], enrollable: [], demand: null, blocked: null }

/** Pure: what an attempt of the user offers. */
export function offerOf(
  attempt: Pick<Attempt, 'step' | 'proofs' | 'requirements' | 'stepUp'>,
  user: User,
  facts: SignInFacts,
  now: Date,
): Offer {
  const known = knownOf({ ...attempt, user, facts }, now)
  if (attempt.step === 'prove' || attempt.step === 'second_factor') {
    const methods = methodsAtStep(known)
    const reason = methods.length > 0 ? null : findBlocked(facts)
    return { ...NOTHING, methods, blocked: reason && { reason, message: BLOCKED[reason] } }
  }
  if (attempt.step !== 'enrol') return NOTHING
  const demand = demandAtStep(known)
  return { ...NOTHING, enrollable: demand ? enrollableFor(demand, facts.offered) : [], demand }
}

/**
 * What an attempt offers at its step, and whether its browser may be remembered for the next sign-in. System scope, because
 * the attempt is the credential.
 */
export async function findOffer(
  tools: ResumeTools,
  call: Call,
  attempt: Attempt,
): Promise<Offer & { user: User | null; mayRemember: boolean }> {
  const { userId } = attempt
  if (userId === null) return { ...NOTHING, user: null, mayRemember: false }
  const [user, facts] = await tools.db.tx('system', (tx) =>
    Promise.all([getUser(tx, userId), findSignInFacts(tools, tx, userId, call.now)]),
  )
  const mayRemember = tools.config.rememberedDevice > 0 && !attempt.stepUp && acceptsDevice(facts)
  return { ...offerOf(attempt, user, facts, call.now), user, mayRemember }
}

/** @returns the user of the attempt @throws Problem VALIDATION_ERROR where the attempt does not offer the method */
export async function assertOffered(
  tools: ResumeTools,
  call: Call,
  attempt: Attempt & { userId: string },
  method: string,
): Promise<User> {
  const { methods, blocked, user } = await findOffer(tools, call, attempt)
  if (!user) throw unknownAttempt()
  if (methods.some((one) => one === method)) return user
  throw problem('VALIDATION_ERROR', {
    details: [
      {
        field: 'method',
        code: 'unavailable',
        message: blocked
          ? blocked.message
          : `This sign-in cannot be continued by ${method}. Use one of: ${methods.join(', ')}.`,
      },
    ],
  })
}

export interface StepUpOptions {
  /** Where the browser goes afterwards. */
  returnTo?: string | null
  /** `enrol` where the last proof is recent enough for setting up a factor. */
  step?: 'prove' | 'enrol'
  /** Continues the open step-up of the session for the same demand, where there is one: for what a request may repeat. */
  isReused?: boolean
}

/**
 * Begins a step-up of the caller's session: an attempt that is continued under this session only, and raises it. Its token
 * is made from its id and the session, so that the one who requests it again gets the same.
 */
export async function beginStepUp(
  { db, keyring }: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  demand: Omit<StepUpDemand, 'former'>,
  { returnTo = null, step = 'prove', isReused = false }: StepUpOptions = {},
): Promise<Attempt> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  const { userId } = principal
  const begun = beginAttempt({ remember: false, returnTo, tokens: false }, call.now)
  const tokenOf = (id: string): string =>
    `${id}.${keyring.mac('step_ups', `${id} ${session.id}`).toString('base64url')}`
  return await db.tx('system', async (tx) => {
    const stepUp = {
      sessionId: session.id,
      demand: { ...demand, former: await findSessionProofs(tx, session) },
    }
    const attempt = { ...begun, token: tokenOf(begun.id), userId, step, stepUp, isStored: true }
    await stepUps.lock(tx, session.id)
    const open = isReused ? await stepUps.reuse(tx, attempt, tokenOf) : null
    if (open) return open
    await stepUps.makeRoom(tx, session.id, call.now)
    const { proofs, requirements, providerSession } = attempt
    const first = { step, userId, proofs, requirements, providerSession, isFinished: false }
    await runTogether(tx, [attemptInsert(attempt, first)])
    return attempt
  })
}
