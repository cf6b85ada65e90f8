/**
 * Tokens of apps after they were issued: userinfo, introspection and revocation. Leaves issuing them to `token`, and the list of
 * revocations to core.
 */
export { type AppToken, type AppTokens, createAppTokens } from './app-tokens.ts'
export { issuedFeature } from './feature.ts'
