/**
 * A user's own organizations and invitations: the list, and which organization a session acts in (its active
 * organization). Leaves accepting to `invitations` and the session's token to `sessions`.
 */
export { joinAsCaller } from './active.ts'
export { myOrganizationFeature } from './feature.ts'
