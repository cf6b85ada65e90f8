/** The table of break-glass. */

declare module '../../base/db/tables.ts' {
  interface Tables {
    sso_bypasses: SsoBypassesTable
  }
}

/** A session that acts in an organization without the connection that it requires. */
export interface SsoBypassesTable {
  session_id: string
  organization_id: string
  at: Date
}
