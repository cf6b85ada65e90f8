/** The table of invitations. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    invitations: InvitationsTable
  }
}

export interface InvitationsTable {
  id: string
  organization_id: string
  address: string
  address_key: string
  role: string
  secret_hash: Buffer
  invited_by: string | null
  created_at: Date
  sent_at: Date
  /** When the e-mails of the last day were sent. */
  sent_times: Generated<Date[]>
  sent_count: number
  expires_at: Date
  accepted_at: Date | null
  accepted_by: string | null
  revoked_at: Date | null
}
