/**
 * What the HTTP room asks the sessions feature for, handed in by app.ts: base knows no feature. A credential
 * goes in; a principal with its session, or the Problem that says why not, comes out. Never throws a Problem
 * for a bad credential, so that open routes can go on without a user and the others can refuse.
 */
import type { CallSession, Principal } from '../call.ts'
import type { Problem } from '../errors.ts'

export interface Authenticated {
  principal: Principal
  session: CallSession
}

export interface Authenticator {
  session(token: string, via: CallSession['via'], now: Date): Promise<Authenticated | { refused: Problem }>
}
