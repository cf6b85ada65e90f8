/** The table of codes by e-mail. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    email_codes: EmailCodesTable
  }
}

/** The code of an attempt, for every address alike; one that was not sent matches nothing. */
export interface EmailCodesTable {
  attempt_id: string
  /** Whom it was sent to; null before it is sent, and for an address without an account. */
  user_id: string | null
  /** The canonical spelling of the address that asked for it. */
  address_key: string
  /** HMAC-SHA-256 under a key of the server; null for a code that was not sent, or is used. */
  code_hash: Buffer | null
  guesses: Generated<number>
  /** When e-mails with a code were sent. */
  sent_at: Generated<Date[]>
  created_at: Date
}
