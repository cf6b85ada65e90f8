/**
 * Authorization: what apps ask of users at the authorization endpoint, across the sign-in, and the codes that they get. Leaves
 * signing in to `signin`, what was permitted to `consents`, and exchanging codes to `token`.
 */

export { type CheckTools, checkRequest } from './checks.ts'
export { insertPermitted } from './codes.ts'
export { authorizeFeature } from './feature.ts'
export { AuthorizationParameters, RefusedOnPage, RefusedToApp } from './request.ts'
export { assertMet, type RequirementTools, type SignedInCall, signedIn } from './requirements.ts'
export { formTargetsOf, PUSHED_LIFETIME, storePushed, targetOf } from './stored.ts'
