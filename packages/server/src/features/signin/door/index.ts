/**
 * Sign-in: the only way to a session. Owns attempts (sign-ins under way), the state machine `nextStep`, and the
 * dispatcher that starts sessions. Leaves verifying a credential to the methods, which it runs, counting guesses to
 * `guesses`, presenting an outcome to `responses`, and what a session is to `sessions`.
 */
export type { CheckedUser, Outcome } from './advance.ts'
export { type AfterSignIn, endAttempts, findReturnTo } from './attempts.ts'
export { doorFeature } from './feature.ts'
export type { Method, Verified } from './method.ts'
export { AttemptToken } from './routes.ts'
export {
  checkWith,
  confirmWith,
  continueAttempt,
  getAttempt,
  signInNewUser,
  signInWith,
} from './sign-in.ts'
