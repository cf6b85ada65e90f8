/** The tables of the audit log. */
import type { Json } from '../../base/db/tables.ts'

declare module '../../base/db/tables.ts' {
  interface Tables {
    audit_events: AuditEventsTable
  }
}

export interface AuditEventsTable {
  id: string
  at: Date
  event_type: string
  user_id: string | null
  username: string | null
  ip_address: string | null
  user_agent: string | null
  session_id: string | null
  organization_id: string | null
  request_id: string | null
  details: Json<Record<string, unknown>>
}
