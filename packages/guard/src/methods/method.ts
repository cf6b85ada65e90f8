/**
 * The interface of authentication methods. A factory (`jwt({...})`) returns a plan, which a guard opens with its clock
 * and its error reporting. A method returns undefined for a credential that is not of its kind; the guard then runs the
 * next one.
 */
import type { Now } from '../clock.ts'
import type { SentCredentials, Sources } from '../credentials.ts'
import type { Principal } from '../principal.ts'
import type { Problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'

/** The principal; the problem of an invalid credential; or undefined: the credential is not of this method's kind. */
export type MethodOutcome = Principal | Problem | undefined

/** What a guard provides to its methods. */
export interface MethodContext {
  readonly now: Now
  /** Reports a fault that no request caused: keys that cannot be fetched. */
  report(error: unknown): void
  /** Reports that the revocation stream connected or disconnected. */
  stateChanged(state: RevocationState, reason: string | null): void
}

/**
 * How revocations reach a guard. `connected`: they are pushed by the stream. `asking`: the server validates every
 * credential. `off`: they are not checked (no `latchkey` method, or `revocation: 'none'`). `closed`: after `close()`.
 */
export type RevocationState = 'connected' | 'asking' | 'off' | 'closed'

/** An opened method. */
export interface Method {
  readonly name: string
  /** Schemes for `WWW-Authenticate`, in order of preference; RFC 9110 §11.6.1. */
  readonly schemes: readonly string[]
  readonly sources: Sources
  authenticate(credentials: SentCredentials, request: GuardRequest): MethodOutcome | Promise<MethodOutcome>
  /** The permissions of its principals include those of their roles. */
  readonly resolvesRoles?: true
  /** URL of the page that documents the error codes; for a method with a server. */
  readonly docs?: string
  state?(): RevocationState
  close?(): void
}

/** The result of `jwt()`, `latchkey()` and the other factories; an element of `methods` of `createGuard`. */
export interface MethodPlan {
  readonly name: string
  /** @throws TypeError for invalid options */
  open(context: MethodContext): Method
}

export const NO_SOURCES: Sources = Object.freeze({
  headers: [],
  query: [],
  tokenQuery: [],
  cookies: [],
  recognizes: () => true,
})
