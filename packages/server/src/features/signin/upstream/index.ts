/**
 * Sign-in at OpenID Connect and OAuth 2 providers (relying party): the URL that the browser is sent to, and what the answer that
 * comes back proves. Owns the protocol. Leaves who a provider is to core/providers, round trips and their state to
 * signin/federation, and SAML to signin/saml.
 *
 * Invariant: what an answer proves was verified against the connection that began, or a FederationFault is thrown.
 */
export { type CallbackAnswer, completeAuthorization } from './answer.ts'
export { authorizationUrl, createExpected, type Expected } from './authorization.ts'
export { checkDiscovery, getIssuer } from './discovery.ts'
export { revokeTokens } from './exchange.ts'
