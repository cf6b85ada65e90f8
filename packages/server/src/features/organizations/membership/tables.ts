/** The tables of organizations and memberships. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    organizations: OrganizationsTable
    memberships: MembershipsTable
    removed_members: RemovedMembersTable
  }
}

export interface OrganizationsTable {
  id: string
  name: string
  /** The canonical spelling, for searching; a generated column. */
  name_key: Generated<string>
  slug: string
  description: string | null
  /** An https URL of another host: shown to clients, loaded by none of our pages. */
  logo_url: string | null
  created_at: Date
  updated_at: Date
  /** Set while the organization is deleted; it is purged at `purge_at`. */
  deleted_at: Date | null
  purge_at: Date | null
}
export interface MembershipsTable {
  organization_id: string
  user_id: string
  /** A built-in role (`owner`, `admin`, `member`, `guest`) or a custom one. */
  role: string
  joined_at: Date
  /** The member's override of the organization's security policy. */
  mfa: Generated<'inherit' | 'required' | 'exempt' | 'force_totp' | 'force_passkey'>
  /** When the override last tightened the demand on the member. */
  mfa_since: Generated<Date | null>
  /** When the member was first stopped after the due date. */
  mfa_stopped_at: Generated<Date | null>
  /** The due date that the last e-mail was about, and how many days before it that was. */
  mfa_reminded_due: Generated<Date | null>
  mfa_reminded: Generated<number | null>
  /** The id of the connection by whose sign-in it was made, which may be deleted; null for another way. */
  joined_by: Generated<string | null>
}

/** A member whom the organization removed: a connection does not make them a member again. */
export interface RemovedMembersTable {
  organization_id: string
  user_id: string
  removed_at: Date
}
