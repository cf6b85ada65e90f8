/**
 * Responses of a sign-in: its outcome as JSON, as a redirect of a hosted page, and as cookies, once for every method;
 * and signing out. Leaves the outcome itself to `door`, the sign-in page to `form`, and verifying a credential to the methods.
 */
export {
  attemptCookie,
  attemptEndedPath,
  attemptId,
  attemptOf,
  isAttemptGone,
  startOver,
} from './browser-attempt.ts'
export { responseFeature } from './feature.ts'
export {
  answerOutcome,
  atPasswordField,
  completed,
  redirectOutcome,
  redirectStepUp,
  redirectVerified,
  SignedInView,
} from './outcome.ts'
export { signOutOfBrowser } from './sign-out.ts'
