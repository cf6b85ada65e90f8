/**
 * Sessions: being signed in. Owns the token, its check on every request, the limits of time, listing and
 * ending. Leaves starting one to `signin` (the one door), and what a caller may do to `access`.
 */
export { deviceName } from './device.ts'
export { callerScope, type SessionView, signOut } from './own.ts'
export { sessionPages } from './pages.tsx'
export { sessionRoutes } from './routes.ts'
export {
  endSessions,
  renewSession,
  type SessionChecks,
  type StartedSession,
  sessionChecks,
  startSession,
} from './sessions.ts'
