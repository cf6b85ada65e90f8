/** The tables of what users have permitted apps. */
import type { Json } from '../../../base/db/tables.ts'
import type { Allowed } from './consents.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    grants: GrantsTable
    client_sessions: ClientSessionsTable
  }
}

export interface GrantsTable {
  id: string
  user_id: string
  client_id: string
  allowed: Json<Allowed>
  created_at: Date
  updated_at: Date
  /** When the access was taken away; null: it was not, or was given again. */
  withdrawn_at: Date | null
}
/** The apps that a session has signed in to. */
export interface ClientSessionsTable {
  session_id: string
  client_id: string
  created_at: Date
  /** What names the session to an app with pairwise subjects; null: its id, or a previous version has written the row. */
  sid: string | null
}
