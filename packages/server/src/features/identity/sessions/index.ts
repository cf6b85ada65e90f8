/**
 * Sessions: being signed in. Owns the token, its check on every request, the limits of time, listing and
 * ending. Leaves starting one to `signin` (the one door), and what a caller may do to `access`.
 */
export { deviceName } from './device.ts'
export { listSessions, signOut } from './own.ts'
export { sessionPages } from './pages.tsx'
export { SessionOut, sessionRoutes } from './routes.ts'
export {
  endSessions,
  moveSession,
  renewSession,
  type SessionChecks,
  type StartedSession,
  sessionChecks,
  settleSession,
  startSession,
} from './sessions.ts'
export { updateUnsettled as settleSessionsOf } from './sql.ts'
export { SESSION_COOKIE, SessionStarted, sessionCookie, sessionStarted } from './view.ts'
