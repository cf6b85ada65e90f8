/**
 * Registration: how accounts come to be: by signing up, as the first administrator, or by the operator at the
 * command line (who also resets, disables and enables them there). Leaves what a user is to `users`, proving
 * the address to `emails`, the password to `passwords`, and the session that may follow to `signin`.
 */
export { ensureAdministrator, printSetupLink } from './administrator.ts'
export { registrationJobs } from './letters.ts'
export {
  createByOperator,
  disableByOperator,
  enableByOperator,
  listByOperator,
  resetByOperator,
} from './operator.ts'
export { registrationPages } from './pages.tsx'
export { registrationRoutes } from './routes.ts'
