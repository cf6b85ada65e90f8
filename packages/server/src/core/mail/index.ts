/**
 * Transactional outbox of emails: an email is a row (table `letters`) written in the transaction of its cause; a job
 * delivers it with retries. Owns rendering, encryption at rest, delivery and the development outbox. Leaves the
 * content of emails to the features.
 * Invariant: an email exists exactly when its cause was committed, and can be read at rest only with LATCHKEY_SECRET.
 *
 * Outside production, without a mail server, an email counts as sent with the commit and is shown in the outbox.
 * In production without a mail server delivery is retried and fails like any other.
 */
import type { VNode } from 'preact'
import { z } from 'zod'
import { type Clock, later } from '../../base/clock.ts'
import type { Keyring } from '../../base/crypto.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import { isForPeople, type Log, writeUnredacted } from '../../base/log/index.ts'
import { createSmtp } from '../../base/outbound/smtp.ts'
import { brand } from '../../base/page/brand.ts'
import type { Tracer } from '../../base/traces/index.ts'
import type { Config } from '../../config.ts'
import { type Jobs, job } from '../jobs/index.ts'
import type { Counts } from '../metrics/counts.ts'
import { createDelivery } from './delivery.ts'
import { type Look, linksOf, renderHtml, renderText } from './email.tsx'
import { oneAddress, type RenderedEmail, sealEmail, subjectLine } from './sealed.ts'
import { deleteOldEmails, insertOutboxEmail, trimSentEmails } from './sql.ts'

export { findMailFault, type MailFault } from './health.ts'
export { resealEmails } from './reseal.ts'

export interface Email {
  to: string
  subject: string
  /** The content as a Preact tree of the components in core/mail/email.tsx; text and HTML are rendered from it. */
  body: VNode
  locale: 'en' | 'de'
}
export interface Mail {
  /**
   * Writes the email to the outbox in this transaction; delivery starts after the commit.
   * @param about id of the user that the email is about: deleting the user deletes the email
   * @throws Problem VALIDATION_ERROR where `to` is not one bare address
   */
  write(tx: Tx, email: Email, now: Date, about?: string): Promise<void>
}

export interface MailOptions {
  db: Db
  clock: Clock
  jobs: Jobs
  keyring: Keyring
  log: Log
  counts: Pick<Counts, 'letters'>
  tracer?: Pick<Tracer, 'work' | 'part'> | null
  config: Pick<
    Config,
    'profile' | 'smtpUrl' | 'mailFrom' | 'publicUrl' | 'brandName' | 'brandLogo' | 'brandAccent' | 'logLevel'
  >
  /** Prints an email as one line, outside production; default standard output unless the log is silent. */
  print?: (line: string) => void
}

/** How many sent emails the development outbox keeps. */
export const OUTBOX_SIZE = 500
const KEPT = 30 * 86_400_000

/** Without a payload: the table has the waiting emails. */
const deliverEmails = job('letters.deliver', z.object({}))

/** Creates the outbox and registers its jobs; `close` closes the connections to the mail server. */
export function createMail(options: MailOptions): Mail & { close(): void } {
  const { db, clock, jobs, keyring, log, config, counts, tracer = null } = options
  const isProduction = config.profile === 'production'
  const smtp = config.smtpUrl === null ? null : createSmtp(config.smtpUrl)
  const isDelivery = smtp !== null || isProduction
  const look: Look = brand(config)
  const print = options.print ?? printer(config, clock)

  const domain = new URL(config.publicUrl).hostname
  const deliver = createDelivery({
    db,
    clock,
    keyring,
    log,
    smtp,
    from: config.mailFrom,
    domain,
    keep: !isProduction,
    counts,
    tracer,
  })
  jobs.on(deliverEmails, deliver)
  // retries, and leases of processes that ended
  jobs.every(deliverEmails.name, '30s', deliver)
  jobs.every('letters.purge', '10m', async (now) => {
    await deleteOldEmails(db.hot, later(now, -KEPT))
    if (!isProduction) await trimSentEmails(db.hot, OUTBOX_SIZE)
  })

  return {
    async write(tx, email, now, about) {
      const rendered = render(email, look)
      const status = isDelivery ? 'waiting' : 'sent'
      await insertOutboxEmail(tx, {
        id: newId('ltr'),
        sealed: sealEmail(keyring, rendered),
        status,
        now,
        about: about ?? null,
      })
      if (isDelivery) await jobs.enqueue(tx, deliverEmails, {}, { now })
      if (!isProduction) tx.afterCommit(() => print(summaryLine(rendered)))
    },
    close: () => smtp?.close(),
  }
}

/** To the terminal of a person, or as a line of the log with its link. */
function printer(config: Pick<Config, 'profile' | 'logLevel'>, clock: Clock): (line: string) => void {
  if (config.logLevel === 'silent') return () => {}
  if (isForPeople(config)) return (line) => process.stdout.write(`${line}\n`)
  return (line) => writeUnredacted({}, line, clock.now())
}

function render({ to, subject, body, locale }: Email, look: Look): RenderedEmail {
  const line = subjectLine(subject)
  return {
    to: oneAddress(to),
    subject: line,
    text: renderText(body, { look, locale }),
    html: renderHtml(body, { look, locale, subject: line }),
    links: linksOf(body),
  }
}

const summaryLine = ({ to, subject, links }: RenderedEmail): string =>
  `E-mail to ${to}: ${subject}${links[0] ? ` → ${links[0]}` : ''}`.replaceAll(/\p{Cc}/gu, ' ')
