/** Whether e-mails reach the mail server, for administrators and `doctor`: reads the latest tries of the outbox. */
import { sql } from 'kysely'
import type { Statements } from '../../base/db/types.ts'
import type { Config } from '../../config.ts'

export type MailFault =
  | { reason: 'not_configured' }
  /** None of the latest e-mails was delivered; `error` is what the mail server or the network said, without secrets. */
  | { reason: 'failing'; error: string }

/** E-mails that are looked at: one refused recipient is no fault of the mail server. */
const LATEST = 3

/** Why e-mails are not delivered; null where they are, or none was tried. */
export async function findMailFault(
  db: Statements,
  config: Pick<Config, 'profile' | 'smtpUrl'>,
): Promise<MailFault | null> {
  if (config.smtpUrl === null) return config.profile === 'production' ? { reason: 'not_configured' } : null
  const { rows } = await sql<{ status: string; last_error: string | null }>`
    select status, last_error from latchkey.letters where attempts > 0
    order by created_at desc, id desc limit ${LATEST}`.execute(db)
  const [latest] = rows
  if (!latest || rows.some(({ status, last_error: error }) => status === 'sent' || error === null))
    return null
  return { reason: 'failing', error: latest.last_error ?? '' }
}
