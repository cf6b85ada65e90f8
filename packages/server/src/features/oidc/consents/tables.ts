/** The tables of what users have permitted apps. */
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
  scopes: string[]
  /** Identifiers. */
  resources: string[]
  created_at: Date
  updated_at: Date
}
/** The apps that a session has signed in to. */
export interface ClientSessionsTable {
  session_id: string
  client_id: string
  created_at: Date
}
