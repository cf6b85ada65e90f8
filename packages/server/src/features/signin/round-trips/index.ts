/**
 * Round trips to identity providers: what a provider's answer is checked against (OAuth `state`, SAML RelayState), identities
 * that wait for a decision of their user, and sign-outs that lead to the provider. Owns the table `round_trips`. Leaves the meaning of an answer to
 * signin/federation.
 */
export { logouts } from './logouts.ts'
export { confirmPath, questions, type UndecidedIdentity } from './questions.ts'
export {
  findRequestForm,
  newState,
  postedAnswers,
  type RoundTrip,
  roundTripJobs,
  storeRoundTrip,
  useRoundTrip,
} from './round-trips.ts'
export { concludeTest, findTest } from './test-outcomes.ts'
