/**
 * Registration creates accounts: by sign-up, as the first administrator, or by the operator on the command line, who
 * also resets passwords and disables and enables accounts there. Leaves the user's record to `users`, verification of
 * the address to `emails`, the password to `passwords`, and the session that may follow to `signin`.
 */
export { ensureAdministrator, printSetupLink } from './administrator.ts'
export { registerExternally } from './external.ts'
export { registrationFeature } from './feature.ts'
export {
  createUserByOperator,
  disableUserByOperator,
  enableUserByOperator,
  listUsersByOperator,
  setPasswordByOperator,
} from './operator.ts'
