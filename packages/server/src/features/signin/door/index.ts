/**
 * Sign-in: the one door to a session. Owns attempts, the step function, `advance`, the counting of failures
 * and known devices, and signing out. Leaves checking a credential to its method (passwords and later ones)
 * and what a session is to `sessions`, whose start it alone may call.
 */

export { forgetDevices } from '../guesses/devices.ts'
export {
  assertUnlocked,
  countAttempt,
  failAttempt,
  findCallersDevice,
  forgetGuesses,
  type Guess,
  guessAt,
  liftLockout,
  unlockAfterSuccess,
} from '../guesses/guesses.ts'
export { signinJobs } from '../guesses/jobs.ts'
export { type Advanced, advance, type SignedIn } from './advance.ts'
export { type Attempt, beginAttempt } from './attempts.ts'
export type { Proof } from './next-step.ts'
export { showSignIn, signinPages } from './pages.tsx'
export { safeReturnTo } from './return-to.ts'
export { signinRoutes } from './routes.ts'
export { SignedInView, signedInAnswer, signInCookies } from './view.ts'
