/**
 * Attempts: sign-ins under way, stored and resumed by token. Owns the table `attempts`. Leaves the next step, counting
 * guesses, making proofs and starting sessions to `door`.
 */
export {
  type AfterSignIn,
  type Attempt,
  attemptInsert,
  beginAttempt,
  endAttempts,
  findOpenAttempt,
  findReturnTo,
  moveAttempt,
  resumeAttempt,
} from './attempts.ts'
export { attemptJobs } from './jobs.ts'
export { stepUps } from './step-ups.ts'
export type { Proof, Requirement, Step, StepUpDemand } from './steps.ts'
