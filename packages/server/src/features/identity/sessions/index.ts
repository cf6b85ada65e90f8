/**
 * Sessions: server-side sessions named by an opaque token. Owns the token, its check on every request, idle and
 * absolute lifetimes, listing and ending. Leaves starting a session to `signin`, and permissions to the wing
 * `access`.
 */
export { provenSessions } from './ended-proofs.ts'
export { sessionFeature } from './feature.ts'
export { listSessions } from './own.ts'
export {
  endSessions,
  moveSession,
  raiseSession,
  type SessionChecks,
  type StartedSession,
  sessionChecks,
  settling,
  startSession,
} from './sessions.ts'
export { SessionStarted, SessionView, sessionCookie, sessionStarted } from './view.ts'
