/** The tables of organizations and memberships. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    organizations: OrganizationsTable
    memberships: MembershipsTable
  }
}

export interface OrganizationsTable {
  id: string
  name: string
  /** The canonical spelling, for searching; the database's own. */
  name_key: Generated<string>
  slug: string
  created_at: Date
  updated_at: Date
  /** Deleted by its owner; restored or gone at `purge_at`. */
  deleted_at: Date | null
  purge_at: Date | null
}
export interface MembershipsTable {
  organization_id: string
  user_id: string
  /** Built in (`owner`, `admin`, `member`, `guest`), or one of the organization's own. */
  role: string
  joined_at: Date
}
