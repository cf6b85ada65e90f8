/**
 * Tokens: access tokens that anybody can check offline, refresh tokens that renew them. Owns what a token says, the
 * families, revoking, the check of access tokens and the stream that tells guards. Leaves keys and the list of
 * what is revoked to base, and whether a session is good to `sessions`.
 */
export { type TokenChecks, tokenChecks } from './checks.ts'
export { issueTokens } from './families.ts'
export { tokenJobs } from './jobs.ts'
export { createTokenByOperator, revokeTokenByOperator, revokeTokensOfByOperator } from './operator.ts'
export { TokensView, tokenRoutes } from './routes.ts'
export { revocationStream } from './stream.ts'
