/**
 * Sign-in: the only way to a session. Owns attempts (sign-ins under way), the state machine `nextStep`, the dispatcher
 * that starts sessions, and the presentation of outcomes. Leaves verifying a credential to the methods, which it runs,
 * counting guesses to `guesses`, and what a session is to `sessions`.
 */
export type { Outcome } from './advance.ts'
export { type AfterSignIn, endAttempts } from './attempts.ts'
export { doorFeature } from './feature.ts'
export type { AnyMethod, Method, Verified } from './method.ts'
export { ATTEMPT_COOKIE, answerOutcome, completed, redirectOutcome, SignedInView } from '../responses/outcome.ts'
export { showSignIn } from '../responses/pages.tsx'
export { safeReturnTo } from '../responses/return-to.ts'
export { AttemptToken } from './routes.ts'
export { confirmWith, fulfilRequirement, getAttempt, signInNewUser, signInWith } from './sign-in.ts'
