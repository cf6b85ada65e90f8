/**
 * Sessions: being signed in. Owns the token, its check on every request, the limits of time, listing and
 * ending. Leaves starting one to `signin` (the one door), and what a caller may do to `access`.
 */
export { listSessions, SessionView } from './own.ts'
export { sessionPages } from './pages.tsx'
export { sessionRoutes } from './routes.ts'
export {
  endSessions,
  moveSession,
  renewSession,
  type SessionChecks,
  type StartedSession,
  sessionChecks,
  settleSession,
  settleSessionsOf,
  startSession,
} from './sessions.ts'
export { SessionStarted, sessionCookie, sessionStarted } from './view.ts'
