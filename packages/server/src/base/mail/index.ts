/** Letters are rows written in the transaction of their cause; a job delivers them, retries, gives up visibly. */
import type { VNode } from 'preact'
import type { Tx } from '../db/types.ts'

export interface Letter {
  to: string
  subject: string
  /** Paragraphs and links of the letter as a Preact tree (base/mail/letter.tsx has the parts); text and HTML are both made from it. */
  body: VNode
  locale: 'en' | 'de'
}
export interface Mail {
  /** Writes the letter to the outbox in this transaction; delivery starts after the commit. */
  write(tx: Tx, letter: Letter, now: Date): Promise<void>
}
