/**
 * Domains of organizations, proven by a TXT record in DNS. Owns the table `organization_domains`. Leaves routing a sign-in by
 * the domain of an address, and what a proven domain permits a connection to do, to those who ask.
 */
export { checkDomain } from './checks.ts'
export { domainChanges, type LeadingDomains } from './domains.ts'
export { domainFeature } from './feature.ts'
export {
  type DomainOwner,
  findDomainOwner,
  findSpokenDomain,
  listSpokenDomains,
  ownDomains,
  type SpokenDomain,
} from './owners.ts'
export type { DomainRow } from './sql.ts'
export { DomainField } from './view.ts'
export { DomainCard, DomainState } from './views.tsx'
