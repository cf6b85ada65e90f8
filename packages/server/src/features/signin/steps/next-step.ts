/**
 * The state machine of a sign-in: a pure function from what is known about an attempt to its next step, tested as a
 * table. Every path to a session goes through it, so a condition added here holds for every method, page and protocol.
 */
import {
  type Acr,
  acrOf,
  type Demand,
  findUnenrolled,
  isAtLeast,
  isMet,
  kindOf,
  lacksProof,
  methodsFor,
  type SecondMethod,
  type SignInFacts,
  shortestOf,
  usableMethods,
} from '../../../base/assurance.ts'
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
  // a proof of another user's identity proves nothing here
  const proofs = known.proofs.filter((proof) => proof.subject === user.id)
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

/** A step-up of which something is proven. A level that the user cannot reach is not waited for. */
function nextStepUp(
  proofs: readonly JudgedProof[],
  stepUp: StepUpDemand,
  facts: SignInFacts,
  now: Date,
): 'second_factor' | 'enrol' | 'done' {
  const recent = [...proofs, ...recentOf(stepUp, now)]
  if (stepUp.acr && !reaches(recent, stepUp.acr) && reaches([...recent, ...everything(facts)], stepUp.acr))
    return 'second_factor'
  const further = { ...facts, demands: demandsOf(stepUp) }
  const all = [...proofs, ...(stepUp.former ?? [])]
  if (further.demands.some((demand) => !isMet(demand, all) && isMet(demand, [...all, ...everything(facts)])))
    return 'second_factor'
  return findUnenrolled(all, further, now) ? 'enrol' : 'done'
}

/** What the session has proven within the time that counts. */
const recentOf = ({ maxAge, former = [] }: StepUpDemand, now: Date) =>
  maxAge === undefined ? [] : former.filter(({ at }) => now.getTime() - Date.parse(at) <= maxAge * 1000)

const reaches = (proofs: readonly Omit<JudgedProof, 'subject'>[], acr: Acr) => isAtLeast(acrOf(proofs), acr)

const everything = (facts: SignInFacts) =>
  usableMethods(facts).map((method) => ({ method, ...kindOf(method) }))

const demandsOf = ({ demand }: StepUpDemand): Demand[] =>
  demand ? [{ ...demand, dueAt: demand.dueAt === null ? null : new Date(demand.dueAt) }] : []

/** The methods of which one continues an attempt that waits at `prove` (of a step-up) or `second_factor`. */
export function methodsAtStep(known: Omit<StepFacts, 'requirements' | 'emailVerification'>): SecondMethod[] {
  const { user, stepUp, facts } = known
  const proofs = known.proofs.filter((proof) => proof.subject === user?.id)
  if (!stepUp) return methodsFor(proofs, facts)
  const open = usableMethods(facts).filter((method) => !proofs.some((proof) => proof.method === method))
  const prospective = (methods: readonly SecondMethod[]) =>
    methods.map((method) => ({ subject: '', method, ...kindOf(method) }))
  return shortestOf(
    open,
    (further) =>
      nextStepUp([...proofs, ...prospective(further)], stepUp, facts, known.now) !== 'second_factor',
  )
}

/** The demand that an attempt at `enrol` must meet; null at other steps. */
export function demandAtStep(known: Omit<StepFacts, 'requirements' | 'emailVerification'>): Demand | null {
  const { user, stepUp, facts, now } = known
  const proofs = known.proofs.filter((proof) => proof.subject === user?.id)
  if (!stepUp) return findUnenrolled(proofs, facts, now)
  return findUnenrolled([...proofs, ...(stepUp.former ?? [])], { ...facts, demands: demandsOf(stepUp) }, now)
}
