/**
 * Guesses: failed sign-ins, lock-out and known devices. Owns the failure counters, the devices, and the e-mails about
 * both. Leaves verifying a credential to the methods and signing in to `door`, which runs every method between
 * `openGuess` and its settlement.
 */
export { addDevice, type Device, forgetDevices, updateDeviceUse } from './devices.ts'
export { guessFeature } from './feature.ts'
export {
  assertUnlocked,
  countUnprovenGuess,
  findCallersDevice,
  forgetGuesses,
  type Guess,
  liftLockout,
  lockGuesses,
  openGuess,
  recordFailedGuess,
} from './guesses.ts'
export { reportNewDevice } from './jobs.ts'
