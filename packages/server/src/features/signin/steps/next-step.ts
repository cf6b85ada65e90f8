/**
 * The state machine of a sign-in: a pure function from what is known about an attempt to its next step, tested as a
 * table. Every path to a session goes through it, so a condition added here holds for every method, page and protocol.
 */
import {
  type Acr,
  acrOf,
  continuingOf,
  countingProofs,
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
import { factsTowards, lacksSignIn } from '../../../core/policies.ts'
import type { Proof, Requirement, Step, StepUpDemand } from '../attempts/index.ts'

type JudgedProof = Judged & Pick<Proof, 'subject'>

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
  const { user, stepUp, now } = known
  if (!user) return 'identify'
  const facts = factsOf(known)
  const proofs = proofsOf(known)
  if (proofs.length === 0) return 'prove'
  if (user.status === 'disabled') return 'refuse_disabled'
  if (user.locked) return 'refuse_locked'
  if (stepUp) return nextStepUp(proofs, known, stepUp)
  if (user.status === 'pending') return 'verify_email'
  if (known.emailVerification === 'required' && !user.emailVerified) return 'verify_email'
  if (lacksProof(proofs, facts)) return 'second_factor'
  // the word of an organization alone sets up nothing in an account that it is no authority for
  if (findUnenrolled(proofs, facts, now))
    return countingProofs(proofs, facts).length > 0 ? 'enrol' : 'second_factor'
  // last: an expired password is not replaced by a caller who lacks the second factor
  if (known.requirements.includes('change_password')) return 'change_password'
  return 'done'
}

/** Those of a step-up for an organization are as they count there. */
function factsOf({ facts, stepUp }: Pick<KnownAttempt, 'facts' | 'stepUp'>): SignInFacts {
  const organization = stepUp?.organization ?? stepUp?.demand?.organizationId ?? null
  return organization === null ? facts : factsTowards(facts, organization, stepUp ?? {})
}

/**
 * The proofs that count: none of another user's identity; of a step-up none by a connection that does not count; and where a
 * factor has to be set up, no remembered device, which would let the password alone add a way to sign in.
 */
function proofsOf(known: KnownAttempt): readonly JudgedProof[] {
  const { user, proofs: given, facts, stepUp, now } = known
  const own = given.filter(({ subject }) => subject === user?.id)
  if (stepUp) return countingProofs(own, factsOf(known)).filter((proof) => !isByOther(proof, stepUp))
  const proofs = own
  const isEnrolling = findUnenrolled(proofs, facts, now) !== null
  return isEnrolling ? proofs.filter(({ channel }) => channel !== 'device') : proofs
}

/** Of a step-up that requires one of certain connections: that the proof is by another one. */
const isByOther = ({ connection }: JudgedProof, { sso }: StepUpDemand): boolean =>
  sso !== undefined && connection !== undefined && !sso.connections.includes(connection)

/** Whether a step-up for an organization lacks a proof by which the session signs in there. */
const lacksStepUpSignIn = (proofs: readonly Judged[], { organization, sso }: StepUpDemand): boolean =>
  organization !== undefined && lacksSignIn(proofs, sso ?? null)

/**
 * A step-up of which something is proven. A level that the user cannot reach is not waited for; but no factor is set up with
 * less than a sign-in requires.
 */
function nextStepUp(
  proofs: readonly Judged[],
  known: KnownAttempt,
  stepUp: StepUpDemand,
): 'second_factor' | 'enrol' | 'done' {
  const { now } = known
  const facts = factsOf(known)
  const all = countingProofs([...proofs, ...(stepUp.former ?? [])], facts)
  const recent = countingProofs([...proofs, ...recentOf(stepUp, now)], facts)
  if (stepUp.acr && lacksLevel(recent, stepUp.acr, facts)) return 'second_factor'
  const further = { ...facts, demands: demandsOf(stepUp) }
  if (lacksStepUpSignIn(all, stepUp) && !lacksStepUpSignIn([...all, ...everything(facts)], stepUp))
    return 'second_factor'
  if (further.demands.some((demand) => !isMet(demand, all) && isMet(demand, [...all, ...everything(facts)])))
    return 'second_factor'
  if (!findUnenrolled(all, further, now)) return 'done'
  return provesEnrolled(recent, known.facts) ? 'enrol' : 'second_factor'
}

/** Whether the user can prove more towards a level: that, and what their sign-ins require. */
const lacksLevel = (recent: readonly Judged[], acr: Acr, facts: SignInFacts): boolean =>
  (!reaches(recent, acr) && reaches([...recent, ...everything(facts)], acr)) ||
  (!provesEnrolled(recent, facts) && canProveEnrolled(recent, facts))

/** What the session has proven within the time that counts. */
const recentOf = ({ maxAge, former = [] }: StepUpDemand, now: Date) =>
  maxAge === undefined ? [] : former.filter(({ at }) => now.getTime() - Date.parse(at) <= maxAge * 1000)

const reaches = (proofs: readonly Judged[], acr: Acr) => isAtLeast(acrOf(proofs), acr)

const everything = (facts: SignInFacts) => prospective(usableMethods(facts), facts)

const demandsOf = ({ demand }: StepUpDemand): Demand[] =>
  demand ? [{ ...demand, dueAt: demand.dueAt === null ? null : new Date(demand.dueAt) }] : []

/** The methods of which one continues an attempt that waits at `prove` (of a step-up) or `second_factor`. */
export function methodsAtStep(known: KnownAttempt): SecondMethod[] {
  const { stepUp } = known
  const facts = factsOf(known)
  const proofs = proofsOf(known)
  if (!stepUp) return methodsFor(proofs, facts)
  return continuingOf(
    unproven(usableMethods(facts), proofs),
    (further) => nextStepUp([...proofs, ...prospective(further, facts)], known, stepUp) !== 'second_factor',
  )
}

/** The demand that an attempt at `enrol` must meet; null at other steps. */
export function demandAtStep(known: KnownAttempt): Demand | null {
  const { stepUp, now } = known
  const facts = factsOf(known)
  const proofs = proofsOf(known)
  if (!stepUp) return findUnenrolled(proofs, facts, now)
  return findUnenrolled([...proofs, ...(stepUp.former ?? [])], { ...facts, demands: demandsOf(stepUp) }, now)
}
