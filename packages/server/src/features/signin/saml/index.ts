/**
 * SAML 2.0 service provider: requests to identity providers, their responses, and single logout. Owns the canon of messages,
 * the assertions that were used, and which session of a provider began which of ours. Leaves round trips, routes of the
 * sign-in and what an identity means to `federation`, and metadata and keys to core/saml.
 *
 * Invariant: what is read of an assertion is the text that the provider signed, and each assertion is accepted once.
 */
export { MAX_ENCODED_LENGTH } from './canon.ts'
export { samlFeature } from './feature.ts'
export { beginProviderLogout, type ProviderLogout, samlLogoutRequest } from './logout.ts'
export { signedOutPage } from './pages.tsx'
export { type SamlRequestOptions, type SentMessage, samlRequest } from './requests.ts'
export { type ReceivedResponse, readSamlResponse } from './response.ts'
export { samlSessionInsert } from './sql.ts'
