/**
 * Compatibility: older interfaces kept alive for programs that were written for them, off unless LATCHKEY_COMPAT
 * names them. Owns the shape of those routes and nothing else: who may sign in, and what a token is, is decided
 * where it always is. The switches that only change a status stand where that status is written (base/present,
 * `tokens`).
 */
export { compatRoutes } from './routes.ts'
