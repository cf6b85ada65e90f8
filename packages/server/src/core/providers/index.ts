/**
 * Providers as data: one row each, with the settings that their connections have, what they say about a user
 * (ExternalIdentity), and how their answers fail. Leaves the connections themselves to core/connections, and the protocols to
 * signin/upstream and signin/saml, which use the types of rows (provider.ts), and what reads texts of providers (profile.ts,
 * diagnostics.ts), directly.
 */
export {
  type ConnectedSession,
  type ExternalIdentity,
  FederationFault,
  PROVIDER_FAULTS,
  type ProviderFault,
  type ProviderSession,
  type ProviderSessions,
} from './identity.ts'
export { keyIssuerOf } from './issuers.ts'
export { type ConnectionSetting, PROVIDER_IDS, type Provider, type ProviderId } from './provider.ts'
export { identityIssuersOf, providerOf } from './providers.ts'
export { ConnectionSettings } from './settings.ts'
