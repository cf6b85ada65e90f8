/**
 * What a method of authentication is. A factory (`jwt({...})`) makes a plan; a guard puts it to work with its
 * own clock and reporting. A method says undefined to what is not of its kind, and only then is the next asked.
 */
import type { Now } from '../clock.ts'
import type { Offered, Sources } from '../credentials.ts'
import type { Principal } from '../principal.ts'
import type { Problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'

/** Who it is; why not; or undefined: not of my kind. */
export type Attempt = Principal | Problem | undefined

/** What a guard lends its methods. */
export interface Surroundings {
  readonly now: Now
  /** Something is wrong that no request is to blame for: keys that cannot be fetched, a lost line. */
  report(error: unknown): void
  /** The line to the server came or went. */
  stateChanged(state: LineState, reason: string | null): void
}

/**
 * How revocations reach a guard: `connected`, they are pushed; `asking`, the server is asked for every
 * credential; `off`, there is nothing to ask (no `latchkey` method, or `revocation: 'none'`); `closed`.
 */
export type LineState = 'connected' | 'asking' | 'off' | 'closed'

/** A method at work. */
export interface Method {
  readonly name: string
  /** Schemes for `WWW-Authenticate`, the first one first; RFC 9110 §11.6.1. */
  readonly schemes: readonly string[]
  readonly sources: Sources
  attempt(offered: Offered, request: GuardRequest): Attempt | Promise<Attempt>
  /** Its principals come with everything their roles permit. */
  readonly sumsUpRoles?: true
  /** Where the codes of problems are explained; of a method that has a server. */
  readonly docs?: string
  state?(): LineState
  close?(): void
}

/** What `jwt()`, `latchkey()` and the others give to `createGuard`. */
export interface MethodPlan {
  readonly name: string
  /** @throws TypeError where the options cannot be right */
  open(surroundings: Surroundings): Method
}

export const NO_SOURCES: Sources = Object.freeze({ headers: [], query: [], cookies: [] })
