/**
 * The state machine of a sign-in: a pure function from what is known about an attempt to its next step, tested as a
 * table. Every path to a session goes through it, so a condition added here holds for every method, page and protocol.
 */
import {
  type Acr,
  acrOf,
  continuingOf,
  type Demand,
  findUnenrolled,
  isAtLeast,
  isMet,
  type Judged,
  lacksProof,
  methodsFor,
  prospective,
  type SecondMethod,
  type SignInFacts,
  unproven,
  usableMethods,
} from '../../../base/assurance.ts'
import { canProveEnrolled, provesEnrolled } from '../../../base/enrolled.ts'
import type { Proof, Requirement, Step, StepUpDemand } from '../attempts/index.ts'

type JudgedProof = Pick<
  Proof,
  'subject' | 'method' | 'factor' | 'channel' | 'phishing_resistant' | 'user_verified'
>

export interface StepFacts {
  proofs: readonly JudgedProof[]
  /** Those that are not fulfilled yet. */
  requirements: readonly Requirement[]
  user: {
    id: string
    status: 'pending' | 'active' | 'disabled'
    emailVerified: boolean
    locked: boolean
  } | null
  emailVerification: 'required' | 'off'
  /** What the user can prove, and what is demanded of them. */
  facts: SignInFacts
  /** Of an attempt that raises a session; null for a sign-in. */
  stepUp: StepUpDemand | null
  now: Date
}

/** What an attempt offers is computed from. */
type KnownAttempt = Omit<StepFacts, 'requirements' | 'emailVerification'>

/** Steps at which an attempt waits to be resumed. */
export const WAITING_STEPS = [
  'identify',
  'prove',
  'verify_email',
  'second_factor',
  'enrol',
  'change_password',
] as const satisfies readonly Step[]
export type WaitingStep = (typeof WAITING_STEPS)[number]
export type Refusal = Exclude<Step, WaitingStep | 'done'>

export const isWaiting = (step: Step): step is WaitingStep =>
  (WAITING_STEPS as readonly string[]).includes(step)

export function nextStep(known: StepFacts): Step {
  const { user, stepUp, facts, now } = known
  if (!user) return 'identify'
  const proofs = proofsOf(known)
  if (proofs.length === 0) return 'prove'
  if (user.status === 'disabled') return 'refuse_disabled'
  if (user.locked) return 'refuse_locked'
  if (stepUp) return nextStepUp(proofs, stepUp, facts, now)
  if (user.status === 'pending') return 'verify_email'
  if (known.emailVerification === 'required' && !user.emailVerified) return 'verify_email'
  if (lacksProof(proofs, facts)) return 'second_factor'
  if (findUnenrolled(proofs, facts, now)) return 'enrol'
  // last: an expired password is not replaced by a caller who lacks the second factor
  if (known.requirements.includes('change_password')) return 'change_password'
  return 'done'
}

/**
 * The proofs that count: none of another user's identity; and where a factor has to be set up, no remembered device, which
 * would let the password alone add a way to sign in.
 */
function proofsOf({ user, proofs: given, facts, stepUp, now }: KnownAttempt): readonly JudgedProof[] {
  const proofs = given.filter(({ subject }) => subject === user?.id)
  const isEnrolling = !stepUp && findUnenrolled(proofs, facts, now) !== null
  return isEnrolling ? proofs.filter(({ channel }) => channel !== 'device') : proofs
}

/**
 * A step-up of which something is proven. A level that the user cannot reach is not waited for; but no factor is set up with
 * less than a sign-in requires.
 */
function nextStepUp(
  proofs: readonly JudgedProof[],
  stepUp: StepUpDemand,
  facts: SignInFacts,
  now: Date,
): 'second_factor' | 'enrol' | 'done' {
  const recent = [...proofs, ...recentOf(stepUp, now)]
  if (stepUp.acr && lacksLevel(recent, stepUp.acr, facts)) return 'second_factor'
  const further = { ...facts, demands: demandsOf(stepUp) }
  const all = [...proofs, ...(stepUp.former ?? [])]
  if (further.demands.some((demand) => !isMet(demand, all) && isMet(demand, [...all, ...everything(facts)])))
    return 'second_factor'
  if (!findUnenrolled(all, further, now)) return 'done'
  return provesEnrolled(recent, facts) ? 'enrol' : 'second_factor'
}

/** Whether the user can prove more towards a level: that, and what their sign-ins require. */
const lacksLevel = (recent: readonly Judged[], acr: Acr, facts: SignInFacts): boolean =>
  (!reaches(recent, acr) && reaches([...recent, ...everything(facts)], acr)) ||
  (!provesEnrolled(recent, facts) && canProveEnrolled(recent, facts))

/** What the session has proven within the time that counts. */
const recentOf = ({ maxAge, former = [] }: StepUpDemand, now: Date) =>
  maxAge === undefined ? [] : former.filter(({ at }) => now.getTime() - Date.parse(at) <= maxAge * 1000)

const reaches = (proofs: readonly Judged[], acr: Acr) => isAtLeast(acrOf(proofs), acr)

const everything = (facts: SignInFacts) => prospective(usableMethods(facts))

const demandsOf = ({ demand }: StepUpDemand): Demand[] =>
  demand ? [{ ...demand, dueAt: demand.dueAt === null ? null : new Date(demand.dueAt) }] : []

/** The methods of which one continues an attempt that waits at `prove` (of a step-up) or `second_factor`. */
export function methodsAtStep(known: KnownAttempt): SecondMethod[] {
  const { stepUp, facts, now } = known
  const proofs = proofsOf(known)
  if (!stepUp) return methodsFor(proofs, facts)
  const proving = (methods: readonly SecondMethod[]) =>
    prospective(methods).map((proof) => ({ subject: '', ...proof }))
  return continuingOf(
    unproven(usableMethods(facts), proofs),
    (further) => nextStepUp([...proofs, ...proving(further)], stepUp, facts, now) !== 'second_factor',
  )
}

/** The demand that an attempt at `enrol` must meet; null at other steps. */
export function demandAtStep(known: KnownAttempt): Demand | null {
  const { stepUp, facts, now } = known
  const proofs = proofsOf(known)
  if (!stepUp) return findUnenrolled(proofs, facts, now)
  return findUnenrolled([...proofs, ...(stepUp.former ?? [])], { ...facts, demands: demandsOf(stepUp) }, now)
}
