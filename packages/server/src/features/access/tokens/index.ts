/**
 * Tokens: access tokens that anybody can check offline, refresh tokens that renew them. Owns what a token says, the
 * families, revoking, the check of access tokens and the stream that tells guards. Leaves keys and the list of
 * what is revoked to base, and whether a session is good to `sessions`.
 */
export type { TokenChecks } from './checks.ts'
export { issueTokens } from './families.ts'
export { tokenFeature } from './feature.ts'
export { createTokenByOperator, revokeTokenByOperator, revokeTokensOfByOperator } from './operator.ts'
export { TokensView } from './routes.ts'
