/**
 * Guesses: failed sign-ins and lock-out. Owns the failure counters, and the e-mails about lock-outs and new devices. Leaves
 * verifying a credential to the methods and signing in to `door`, which runs every method between `openGuess` and its
 * settlement.
 */
export { guessFeature } from './feature.ts'
export {
  assertUnlocked,
  countUnprovenGuess,
  forgetGuesses,
  type Guess,
  type LockedGuesses,
  liftLockout,
  liftLockoutByMailbox,
  lockGuesses,
  openGuess,
  recordFailedGuess,
} from './guesses.ts'
export { reportNewDevice } from './jobs.ts'
