/** Where an identifier leads, by its domain alone: no statement reads accounts. */
import type { Statements } from '../../../base/db/types.ts'
import { domainOfAddress } from '../../../base/domain-names.ts'
import { canonical } from '../../../base/identifiers.ts'
import { listOfferedConnections } from '../../../core/connections/offered.ts'
import { findDomainOwner } from '../../organizations/domains/index.ts'
import type { OrganizationSignIn } from '../form/index.ts'
import { selectOrganizationBySlug, selectRoute } from './sql.ts'

/** The connection by which people of a domain sign in. */
export interface DomainRoute {
  domain: string
  slug: string
  name: string
  organization: { id: string; name: string }
  /** Whether the organization requires it of its members. */
  isRequired: boolean
}

/**
 * The route of the domain of an e-mail address in any spelling; null for a username, and where the domain is of no
 * organization that has a connection for it. As the system.
 */
export async function findRoute(db: Statements, identifier: string): Promise<DomainRoute | null> {
  const domain = domainOfAddress(canonical(identifier))
  const owner = domain === null ? null : await findDomainOwner(db, domain)
  const row = owner?.connectionId ? await selectRoute(db, owner.connectionId) : undefined
  if (domain === null || !row) return null
  const { slug, name, organization_id: id, organization_name, required: isRequired } = row
  return { domain, slug, name, organization: { id, name: organization_name }, isRequired }
}

/** What the sign-in page of an organization shows; null for an unknown one, and for one that is deleted. As the system. */
export async function findOrganizationSignIn(
  db: Statements,
  slug: string,
): Promise<OrganizationSignIn | null> {
  const organization = await selectOrganizationBySlug(db, slug)
  if (!organization) return null
  const { id, name, required: isRequired } = organization
  return { name, connections: await listOfferedConnections(db, id), isRequired }
}
