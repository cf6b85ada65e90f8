/**
 * Routing: which organization's identity provider people of a domain sign in with (home realm discovery), and the sign-in page of
 * an organization. Leaves domains to organizations/domains, the sign-in page to `form`, and the sign-in itself to
 * `federation`. Invariant: an answer depends on the domain alone, never on whether an account exists.
 */
export { routingFeature } from './feature.ts'
