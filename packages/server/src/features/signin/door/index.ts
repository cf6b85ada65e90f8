/**
 * Sign-in: the only way to a session. Runs the methods, and starts and raises sessions when `nextStep` says so. Leaves
 * attempts to `attempts` and `steps`, verifying a credential to the methods, counting guesses to `guesses`, presenting an
 * outcome to `responses`, and what a session is to `sessions`.
 */
export { type CheckedUser, type Outcome, passwordExpired } from './advance.ts'
export type { FurtherMethod, Method, Verified } from './method.ts'
export {
  checkWith,
  confirmWith,
  continueAttempt,
  enrolInAttempt,
  enrolInSession,
  proveAttempt,
  signInNewUser,
  signInVouched,
  signInWith,
} from './sign-in.ts'
