/** The tables of e-mails. */
import type { Generated } from 'kysely'

declare module '../../base/db/tables.ts' {
  interface Tables {
    letters: LettersTable
  }
}

export interface LettersTable {
  id: string
  /** Sealed JSON {to, subject, text, html, links}; null once delivered outside development. */
  sealed: string | null
  status: 'waiting' | 'sent' | 'failed'
  attempts: Generated<number>
  next_at: Date
  created_at: Date
  sent_at: Date | null
  last_error: string | null
  /** Whom it is about; it goes with them. */
  user_id: string | null
}
