/**
 * Whom an app admits, and which scopes and resources it may have: one rule for the authorization and for each issue of tokens. Leaves
 * the settings of apps to core/clients.
 */
export {
  allowedClaims,
  allowedScopes,
  isAdmitted,
  isAllowedMember,
  isForApp,
  isResourceOf,
  isStillPermitted,
} from './admission.ts'
export { getRequestedResources, getRequestedScopes } from './requested.ts'
