/**
 * Brings waiting letters to the mail server: claimed a few at a time, sent, marked. A process that ends between
 * sending and marking leaves the claim to run out, and the letter is sent again under the same Message-ID.
 * Given up after ten tries over about two days, or at once where the server refuses the recipient.
 * Invariant: outside development and testing nothing secret of a letter stays once its fate is known.
 */
import { type Clock, later } from '../../base/clock.ts'
import type { Keyring } from '../../base/crypto.ts'
import type { Db } from '../../base/db/types.ts'
import { type Log, scrub } from '../../base/log/index.ts'
import { isRefusedForGood, type Smtp } from '../../base/outbound/smtp.ts'
import { type RenderedLetter, unseal } from './sealed.ts'
import { type ClaimedLetter, claimLetters, markFailed, markSent, postponeLetter } from './sql.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LEASE = 10 * MINUTE
const AT_ONCE = 6
const WAITS = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR, 12 * HOUR, 12 * HOUR]

export interface DeliveryOptions {
  db: Db
  clock: Clock
  keyring: Keyring
  log: Log
  /** null: no mail server is configured. */
  smtp: Smtp | null
  from: string
  /** Right of the @ in a Message-ID. */
  domain: string
  /** Keep letters readable for the outbox. */
  keep: boolean
}

export function createDelivery(options: DeliveryOptions): () => Promise<void> {
  const { db, clock, keyring, log, smtp, keep } = options

  const send = async (letter: ClaimedLetter, rendered: RenderedLetter): Promise<void> => {
    if (!smtp) throw new Error('no mail server is configured (LATCHKEY_SMTP_URL)')
    const { to, subject, text, html } = rendered
    const messageId = `<${letter.id}@${options.domain}>`
    await smtp.send({ from: options.from, to, subject, text, html, messageId, at: clock.now() })
  }

  const fail = async (letter: ClaimedLetter, to: string, err: unknown): Promise<void> => {
    const error = scrub(String(err instanceof Error ? err.message : err)).slice(0, 500)
    const wait = WAITS[letter.attempts - 1]
    const fields = { letter: letter.id, to: masked(to), attempts: letter.attempts, err }
    if (wait === undefined || letter.sealed === null || isRefusedForGood(err)) {
      await markFailed(db.hot, letter.id, error, keep)
      log.error(fields, 'letter given up')
    } else {
      await postponeLetter(db.hot, letter, error, later(clock.now(), wait))
      log.warn(fields, 'letter could not be delivered, will be tried again')
    }
  }

  const deliver = async (letter: ClaimedLetter): Promise<void> => {
    let to = ''
    try {
      if (letter.sealed === null) throw new Error('the letter is empty')
      if (letter.attempts > WAITS.length + 1)
        throw new Error('the process ended while it was sent, every time')
      const rendered = unseal(keyring, letter.sealed)
      to = rendered.to
      await send(letter, rendered)
    } catch (error) {
      return fail(letter, to, error)
    }
    await markSent(db.hot, letter.id, clock.now(), keep)
  }

  return async () => {
    for (;;) {
      const now = clock.now()
      const letters = await claimLetters(db.hot, { now, leaseEnd: later(now, LEASE), limit: AT_ONCE })
      if (letters.length === 0) return
      await Promise.all(letters.map(deliver))
    }
  }
}

/** Enough to find the person who asks where their letter is, too little to collect addresses from a log. */
const masked = (address: string): string => address.replace(/^(.).*@/u, '$1…@')
