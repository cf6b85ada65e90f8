/**
 * The state machine of a sign-in: a pure function from what is known about an attempt to its next step, tested as a
 * table. Every path to a session goes through it, so a condition added here holds for every method, page and protocol.
 */

declare const proven: unique symbol

export type ProofMethod = 'password' | 'setup_link' | 'registration'

/**
 * Evidence of identity, made by the door after it counted a guess (sign-in.ts) or by registration. The brand keeps
 * methods from making one: a method returns `Verified`, and cannot skip the counting.
 */
export interface Proof {
  readonly [proven]: true
  method: ProofMethod
  /** Authentication Method References, RFC 8176 §2. */
  amr: readonly string[]
  /** The id of the user that it proves. */
  subject: string
  factor: 'knowledge' | 'possession' | 'inherence'
  phishing_resistant: boolean
  /** ISO 8601. */
  at: string
}

/** What an attempt must fulfil besides its proofs before it is complete. */
export type Requirement = 'change_password'

export interface StepFacts {
  proofs: readonly Pick<Proof, 'subject'>[]
  /** Those that are not fulfilled yet. */
  requirements: readonly Requirement[]
  user: {
    id: string
    status: 'pending' | 'active' | 'disabled'
    emailVerified: boolean
    locked: boolean
  } | null
  emailVerification: 'required' | 'off'
}

/** Steps at which an attempt waits to be resumed. */
export const WAITING_STEPS = ['identify', 'prove', 'verify_email', 'change_password'] as const
export type WaitingStep = (typeof WAITING_STEPS)[number]
export type Refusal = 'refuse_disabled' | 'refuse_locked'
export type Step = WaitingStep | Refusal | 'done'

export const isWaiting = (step: Step): step is WaitingStep =>
  (WAITING_STEPS as readonly string[]).includes(step)

export function nextStep(facts: StepFacts): Step {
  const { user } = facts
  if (!user) return 'identify'
  // a proof of another user's identity proves nothing here
  if (!facts.proofs.some((proof) => proof.subject === user.id)) return 'prove'
  if (user.status === 'disabled') return 'refuse_disabled'
  if (user.locked) return 'refuse_locked'
  if (user.status === 'pending') return 'verify_email'
  if (facts.emailVerification === 'required' && !user.emailVerified) return 'verify_email'
  if (facts.requirements.includes('change_password')) return 'change_password'
  return 'done'
}
