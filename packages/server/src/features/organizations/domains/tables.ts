/** The table of organizations' domains. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    organization_domains: OrganizationDomainsTable
  }
}

export interface OrganizationDomainsTable {
  id: string
  organization_id: string
  /** In its canonical spelling. */
  domain: string
  token: string
  /** Null: the organization's first active connection. */
  connection_id: string | null
  added_by: string | null
  created_at: Date
  verified_at: Date | null
  checked_at: Date | null
  /** What the last check found; null before it. `taken`: the record is right, and the domain belongs to another organization. */
  outcome: 'verified' | 'not_found' | 'other_values' | 'no_answer' | 'taken' | null
  found: Generated<string[]>
  /** Why there was no answer. */
  fault: 'timeout' | 'servfail' | 'refused' | 'unreachable' | 'malformed' | null
  /** Since when the checks of a verified domain fail. */
  failing_since: Date | null
  /** When the owners got the e-mail about it. */
  warned_at: Date | null
  /** Null: it is not checked any more without a request. */
  next_check_at: Date | null
}

export type CheckOutcome = NonNullable<OrganizationDomainsTable['outcome']>
