/**
 * The steps of a sign-in: the pure state machine `nextStep`, and attempts that wait at a step: what they offer, and how they
 * are resumed. Leaves storing attempts to `attempts`, and taking a step to `door`.
 */
export { attemptFeature } from './feature.ts'
export { attemptEnded, refusalOf, stepOf } from './judged.ts'
export { isWaiting, type Refusal, type WaitingStep } from './next-step.ts'
export {
  assertOffered,
  beginStepUp,
  findAttempt,
  findOffer,
  getAttempt,
  offerOf,
  unknownAttempt,
} from './resumed.ts'
export { AttemptToken } from './routes.ts'
