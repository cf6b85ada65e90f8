/**
 * Authorization: what apps ask of users at the authorization endpoint, across the sign-in, and the codes that they get. Leaves
 * signing in to `signin`, what was permitted to `consents`, and exchanging codes to `token`.
 */
export { authorizeFeature } from './feature.ts'
export { formTargetsOf, targetOf } from './stored.ts'
