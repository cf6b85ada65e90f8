/**
 * Federation: signing in by an identity provider, such as Google or the identity provider of an organization. Owns the
 * addresses that providers answer at, and linking. Leaves round trips to signin/round-trips, the protocols to signin/upstream and
 * signin/saml, connections to core/connections, and sessions to the door: a provider's word is a proof like any other.
 */
export { continuingFederation } from './continuing.tsx'
export { federationFeature } from './feature.ts'
export type { FederationTools, NewPerson } from './identities.ts'
export { endLostAuthority } from './jobs.ts'
export { samlProtocol, upstreamProtocol } from './protocols.ts'
export { BegunView, orUnavailable } from './routes.ts'
export { askProvider, type Federation } from './sign-in.ts'
