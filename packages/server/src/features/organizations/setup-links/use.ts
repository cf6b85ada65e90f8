/**
 * What the connection of a set-up link is used for, now or once it is activated. Pure. A domain is assigned to a
 * connection as core/leading-connections.ts says, and to that of the link where the link has it and none was chosen for it.
 */
import { assignedOf, firstActiveOf } from '../../../core/leading-connections.ts'
import type { ShownConnection } from '../connections/index.ts'
import type { DomainRow } from '../domains/index.ts'

export interface SetupUse {
  /**
   * `used`: a verified domain leads to it; `unverified`: the first domain of it to be verified does; `chosen`: owners have to
   * choose it for a domain.
   */
  state: 'used' | 'unverified' | 'chosen'
  /** The domains that lead to it, verified or not. */
  domains: readonly string[]
  /** Those of them that are verified. */
  verified: readonly string[]
}

export function useOf(
  { connection_id: id, domain_ids: own }: { connection_id: string | null; domain_ids: readonly string[] },
  connections: readonly Pick<ShownConnection, 'id' | 'status'>[],
  domains: readonly Pick<DomainRow, 'id' | 'domain' | 'connection_id' | 'verified_at'>[],
): SetupUse {
  if (id === null) return { state: 'chosen', domains: [], verified: [] }
  // without an active one, that of the link will be the first
  const isTo = (assigned: string | null): boolean => (assigned ?? id) === id
  const leads = domains.filter(
    (domain) =>
      isTo(assignedOf(domain, connections)) || (domain.connection_id === null && own.includes(domain.id)),
  )
  const verified = leads.filter(({ verified_at }) => verified_at !== null)
  const hasOwn = leads.length > 0 || (isTo(firstActiveOf(connections)) && domains.length === 0)
  return {
    state: verified.length > 0 ? 'used' : hasOwn ? 'unverified' : 'chosen',
    domains: leads.map(({ domain }) => domain),
    verified: verified.map(({ domain }) => domain),
  }
}
