/**
 * The token endpoint: its grants, and what an app gets for them. Leaves families and the claims of access tokens to `access/tokens`,
 * ID tokens to `id-tokens`, signing to core/keys, and authorizing to `authorize`.
 */
export { tokenEndpointFeature } from './feature.ts'
export type { Grant, GrantRequest } from './grant.ts'
export { ACCESS_TOKEN, issueExchanged } from './issue.ts'
export type { AuthorizedRow } from './sql.ts'
