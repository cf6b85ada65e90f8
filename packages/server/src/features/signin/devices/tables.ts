/** The table of known devices. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    devices: DevicesTable
  }
}

/** A browser that has signed in as this user before: its failures are counted apart from strangers'. */
export interface DevicesTable {
  id: string
  user_id: string
  secret_hash: Buffer
  created_at: Date
  last_used_at: Date
  user_agent: string | null
  ip_address: string | null
  /** Until then it is accepted as a second factor; null: it is not. */
  trusted_until: Date | null
}
