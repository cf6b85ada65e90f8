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
  /** The user that the email is about; deleted with the user. */
  user_id: string | null
}
