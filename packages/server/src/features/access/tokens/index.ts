/**
 * Tokens: access tokens (JWT) that any API can verify offline, and refresh tokens that renew them. Owns the claims,
 * the refresh token families, revocation, the check of access tokens and the stream of revocations to guards. Leaves
 * signing keys and the list of revocations to core, and the state of a session to `sessions`.
 */
export type { TokenChecks } from './checks.ts'
export { signClientToken } from './claims.ts'
export { clientSubject, issueTokens } from './families.ts'
export { tokenFeature } from './feature.ts'
export { createTokenByOperator, revokeTokenByOperator, revokeTokensOfByOperator } from './operator.ts'
export { endFamily, endReused } from './revoke.ts'
export { rotating } from './rotating.ts'
export { TokensView } from './routes.ts'
export { findToken, revokeFamiliesBefore } from './sql.ts'
export type { RequestedClaims } from './tables.ts'
