/**
 * The interface of a sign-in method: a value that the door runs (sign-in.ts). A method identifies a user and verifies
 * a credential; counting guesses, proofs, sessions and audit are the door's.
 */
import type { ProofKind, ProofMethod } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { User } from '../../identity/users/index.ts'
import type { Requirement } from '../attempts/index.ts'

/** Whom an input names. The same statements run whether or not there is an account. */
export interface Identified {
  /** As it was entered. */
  identifier: string
  /** The account whose failures are counted; null for an identifier without one. */
  owner: User | null
  /** A registration of the identifier that is not verified: it owns nothing, so it is counted as the owner's. */
  pending: User | null
}

/** A credential that was right. */
export interface Verified {
  user: User
  /** What must be fulfilled before the sign-in is complete. */
  requires: readonly Requirement[]
  /** What was proven, where it depends on the credential; default: the method's. */
  proof?: ProofKind
  /** Since when the factor counts that it is a credential of; absent: it is none. */
  enrolledAt?: Date
  /**
   * Reads the user and the credential again under lock, because both may have changed while the credential was
   * checked, and uses up what can be used once. @returns null where they did, or where it is used up
   */
  recheck(tx: Tx): Promise<User | null>
  /** That the recheck may change what the user can prove: then that is read after it. */
  changesFacts?: boolean
  /** The reason that a failed recheck is recorded with; default: the method's. */
  recheckFailure?: string
}

/** A credential that was wrong, where the audit log says how. */
export interface WrongCredential {
  failure: string
}

/** A method that proves something further of a user who is known. */
export interface FurtherMethod<Input, Stored, V extends Verified = Verified> {
  name: ProofMethod
  /** What a right credential proves. */
  proof: ProofKind
  /** Whether the credential can be guessed; then failures are counted. Default: true. */
  isGuessable?: boolean
  /** The reason that a failed guess is recorded with. */
  failure: string
  /** Reads what the credential is compared with; the same statements whether or not there is an account. */
  read(db: Statements, named: Identified): Promise<Stored>
  /** Checks the credential outside of transactions; it may take time. @returns null, or why, where it is wrong */
  verify(call: Call, named: Identified, stored: Stored, input: Input): Promise<V | WrongCredential | null>
}

/** A method that a sign-in may begin with. */
export interface Method<Input, Stored, V extends Verified = Verified>
  extends FurtherMethod<Input, Stored, V> {
  identify(db: Statements, input: Input): Promise<Identified>
}
