/** What attempts are made of: the steps that they wait at, and the proofs that they collect. Types alone. */
import type { Acr, Demand, StoredProof } from '../../../base/assurance.ts'
import type { SsoDemand } from '../../../core/policies.ts'

declare const proven: unique symbol

/**
 * Evidence of identity, made by the door after it counted a guess (sign-in.ts) or by registration. The brand keeps
 * methods from making one: a method returns `Verified`, and cannot skip the counting.
 */
export interface Proof extends StoredProof {
  readonly [proven]: true
  /** The id of the user that it proves. */
  subject: string
  /** That the user chose with it to remember the browser. */
  remembers?: true
}

/**
 * What an attempt must fulfil besides its proofs before it is complete, and beside it why: the password is too old, or it
 * does not meet rules that have changed.
 */
export type Requirement = 'change_password' | 'change_password:age' | 'change_password:policy'

/** What a step-up must reach, for the session that began it. */
export interface StepUpDemand {
  /** The level of what is proven in this attempt, and of what the session has proven within `maxAge`. */
  acr?: Acr
  /** Seconds; without it, all is proven in this attempt. */
  maxAge?: number
  /** What an organization demands of the session; what it has proven already counts. */
  demand?: Omit<Demand, 'dueAt'> & { dueAt: string | null }
  /** The organization in which what is proven has to count; absent: for the account. */
  organization?: string
  /** By which connections one has to sign in there; absent: by any method. */
  sso?: SsoDemand
  /** Whether none by a connection of the organization counts, because what it requires has lapsed for the member. */
  lapsed?: true
  /** What the session has proven before. */
  former?: readonly StoredProof[]
}

/** Where an attempt is: a step that it waits at, a refusal, or its end. */
export type Step =
  | 'identify'
  | 'prove'
  | 'verify_email'
  | 'second_factor'
  | 'enrol'
  | 'change_password'
  | 'refuse_disabled'
  | 'refuse_locked'
  | 'done'
