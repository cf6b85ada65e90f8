/**
 * What other modules read of verified domains. Only verified ones count, and only of organizations that are not deleted. As
 * the system. Invariant: the owner of a domain depends on the domain alone, never on whether an account exists.
 */
import type { Statements } from '../../../base/db/types.ts'
import { canonicalDomain, domainOfAddress } from '../../../base/domain-names.ts'
import type { ProviderConnection } from '../../../core/connections/index.ts'
import { selectDomainOwner, selectSpokenDomain, selectSpokenFor } from './sql.ts'

export interface DomainOwner {
  organizationId: string
  /** The connection by which people of the domain sign in; null: none is active. */
  connectionId: string | null
}

/** The organization that has proven the domain, in any spelling. A subdomain is another domain, which is proven separately. */
export async function findDomainOwner(db: Statements, domain: string): Promise<DomainOwner | null> {
  const name = canonicalDomain(domain)
  const row = name === null ? undefined : await selectDomainOwner(db, name)
  return row ? { organizationId: row.organization_id, connectionId: row.connection_id } : null
}

/** A proven domain for which a connection speaks. */
export interface SpokenDomain {
  id: string
  /** Who answers for the roles of sign-ins by addresses of the domain; null: their account is deleted. */
  addedBy: string | null
}

/** The domain of the e-mail address, where the organization of the connection has proven it and the connection speaks for it. */
export async function findSpokenDomain(
  db: Statements,
  { id }: Pick<ProviderConnection, 'id'>,
  address: string,
): Promise<SpokenDomain | null> {
  const domain = domainOfAddress(address)
  const row = domain === null ? undefined : await selectSpokenDomain(db, id, domain)
  return row ? { id: row.id, addedBy: row.added_by } : null
}

/** The proven domains that a connection speaks for, in alphabetical order. */
export const listSpokenDomains = (
  db: Statements,
  { id }: Pick<ProviderConnection, 'id'>,
): Promise<string[]> => selectSpokenFor(db, id)

/** A check whether an e-mail address is of a domain that a connection speaks for by now: of none, where it is the server's. */
export async function ownDomains(
  db: Statements,
  connection: Pick<ProviderConnection, 'id' | 'organizationId'>,
): Promise<(address: string) => boolean> {
  if (connection.organizationId === null) return () => false
  const domains = new Set(await listSpokenDomains(db, connection))
  return (address) => {
    const domain = domainOfAddress(address)
    return domain !== null && domains.has(domain)
  }
}
