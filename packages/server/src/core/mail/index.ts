/**
 * Letters are rows written in the transaction of their cause; a job delivers them, retries, gives up visibly.
 * Owns rendering, sealing, delivery and the outbox of development. Leaves what a letter says to the features.
 * Invariant: a letter exists exactly when its cause was committed, and at rest it can be read by nobody without
 * LATCHKEY_SECRET.
 *
 * Outside production, without a mail server, the outbox is the delivery: the letter is there with the commit.
 * In production without one letters are tried and given up like any that cannot be delivered.
 */
import type { VNode } from 'preact'
import { z } from 'zod'
import { type Clock, later } from '../../base/clock.ts'
import type { Keyring } from '../../base/crypto.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log/index.ts'
import { createSmtp } from '../../base/outbound/smtp.ts'
import { brand } from '../../base/page/brand.ts'
import type { Config } from '../../config.ts'
import { type Jobs, job } from '../jobs/index.ts'
import { createDelivery } from './delivery.ts'
import { type Look, linksOf, renderHtml, renderText } from './email.tsx'
import { oneAddress, type RenderedLetter, seal, subjectLine } from './sealed.ts'
import { deleteOldLetters, insertLetter, trimLetters } from './sql.ts'

export interface Letter {
  to: string
  subject: string
  /** Paragraphs and links of the letter as a Preact tree (core/mail/email.tsx has the parts); text and HTML are both made from it. */
  body: VNode
  locale: 'en' | 'de'
}
export interface Mail {
  /**
   * Writes the letter to the outbox in this transaction; delivery starts after the commit.
   * @param about the user whom the letter is about: when that user is deleted, the letter goes as well
   * @throws Problem VALIDATION_ERROR where `to` is not one bare address
   */
  write(tx: Tx, letter: Letter, now: Date, about?: string): Promise<void>
}

export interface MailOptions {
  db: Db
  clock: Clock
  jobs: Jobs
  keyring: Keyring
  log: Log
  config: Pick<
    Config,
    'profile' | 'smtpUrl' | 'mailFrom' | 'publicUrl' | 'brandName' | 'brandLogo' | 'brandAccent' | 'logLevel'
  >
  /** Shows a letter in short at the terminal, outside production; default standard output unless the log is silent. */
  print?: (line: string) => void
}

/** How many delivered letters the outbox of development keeps. */
export const OUTBOX_SIZE = 500
const KEPT = 30 * 86_400_000

/** Registers its jobs; `close` ends the connections to the mail server. */
/** Which letters wait stands in their own table. */
const deliverLetters = job('letters.deliver', z.object({}))

export function createMail(options: MailOptions): Mail & { close(): void } {
  const { db, clock, jobs, keyring, log, config } = options
  const isProduction = config.profile === 'production'
  const smtp = config.smtpUrl === null ? null : createSmtp(config.smtpUrl)
  const isDelivery = smtp !== null || isProduction
  const look: Look = brand(config)
  const print =
    options.print ?? (config.logLevel === 'silent' ? () => {} : (line) => process.stdout.write(`${line}\n`))

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
  })
  jobs.on(deliverLetters, deliver)
  // what failed, and what a process left behind that ended
  jobs.every(deliverLetters.name, '30s', deliver)
  jobs.every('letters.purge', '10m', async (now) => {
    await deleteOldLetters(db.hot, later(now, -KEPT))
    if (!isProduction) await trimLetters(db.hot, OUTBOX_SIZE)
  })

  return {
    async write(tx, letter, now, about) {
      const rendered = render(letter, look)
      const status = isDelivery ? 'waiting' : 'sent'
      await insertLetter(tx, {
        id: newId('ltr'),
        sealed: seal(keyring, rendered),
        status,
        now,
        about: about ?? null,
      })
      if (isDelivery) await jobs.enqueue(tx, deliverLetters, {}, { now })
      if (!isProduction) tx.afterCommit(() => print(inShort(rendered)))
    },
    close: () => smtp?.close(),
  }
}

function render({ to, subject, body, locale }: Letter, look: Look): RenderedLetter {
  const line = subjectLine(subject)
  return {
    to: oneAddress(to),
    subject: line,
    text: renderText(body, { look, locale }),
    html: renderHtml(body, { look, locale, subject: line }),
    links: linksOf(body),
  }
}

const inShort = ({ to, subject, links }: RenderedLetter): string =>
  `Letter to ${to}: ${subject}${links[0] ? ` → ${links[0]}` : ''}`.replaceAll(/\p{Cc}/gu, ' ')
