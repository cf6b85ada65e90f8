/** The table of devices that wait for a user. */
declare module '../../../base/db/tables.ts' {
  interface Tables {
    device_authorizations: DeviceAuthorizationsTable
  }
}

export interface DeviceAuthorizationsTable {
  /** The digest of the device code. */
  hash: Buffer
  /** The MAC of the code that the user types. */
  user_code: Buffer
  client_id: string
  scopes: string[]
  /** Identifiers. */
  resources: string[]
  /** That the request came from. */
  address: string | null
  created_at: Date
  expires_at: Date
  interval_seconds: number
  polled_at: Date | null
  decision: 'allowed' | 'denied' | null
  /** Who decided. */
  user_id: string | null
}
