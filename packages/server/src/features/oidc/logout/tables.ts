/** The table of messages to apps about sessions that have ended. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    logout_deliveries: LogoutDeliveriesTable
  }
}

/** Written by triggers (migration 0044), in the transaction that ends the session. */
export interface LogoutDeliveriesTable {
  id: string
  client_id: string
  session_id: string
  /** As of client_sessions. */
  sid: string | null
  /** Null once it is finished. */
  user_id: string | null
  created_at: Date
  next_at: Date
  attempts: Generated<number>
  attempted_at: Date | null
  outcome: 'delivered' | 'failed' | null
  /** Of the app's last answer; null: there was none. */
  status: number | null
  error: string | null
}
