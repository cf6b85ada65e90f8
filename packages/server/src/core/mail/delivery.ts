/**
 * Delivery of the outbox over SMTP: claims waiting emails a few at a time under a lease, sends them, marks them. When
 * a process ends between sending and marking, the lease expires and the email is sent again under the same Message-ID.
 * An email fails after ten tries over about two days, or immediately where the server refuses the recipient.
 * Invariant: outside development and testing the sealed content is deleted once an email is sent or has failed.
 */

import { type Clock, later } from '../../base/clock.ts'
import type { Keyring } from '../../base/crypto.ts'
import type { Db } from '../../base/db/types.ts'
import { type Log, scrub } from '../../base/log/index.ts'
import { isRefusedForGood, type Smtp } from '../../base/outbound/smtp.ts'
import type { Tracer } from '../../base/traces/index.ts'
import type { Counts } from '../metrics/counts.ts'
import { type RenderedEmail, unsealEmail } from './sealed.ts'
import { type ClaimedEmail, claimEmails, markFailed, markSent, postponeEmail } from './sql.ts'

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
  counts: Pick<Counts, 'letters'>
  tracer?: Pick<Tracer, 'work' | 'part'> | null
  /** Keeps the content of sent emails for the development outbox. */
  keep: boolean
}

export function createDelivery(options: DeliveryOptions): () => Promise<void> {
  const { db, clock, keyring, log, smtp, keep, tracer = null } = options
  const { letters } = options.counts

  const send = async (email: ClaimedEmail, rendered: RenderedEmail): Promise<void> => {
    if (!smtp) throw new Error('no mail server is configured (LATCHKEY_SMTP_URL)')
    const { to, subject, text, html } = rendered
    const messageId = `<${email.id}@${options.domain}>`
    const message = { from: options.from, to, subject, text, html, messageId, at: clock.now() }
    if (tracer) await tracer.part('SMTP', 'client', () => smtp.send(message))
    else await smtp.send(message)
  }

  const fail = async (email: ClaimedEmail, to: string, err: unknown): Promise<void> => {
    const error = scrub(String(err instanceof Error ? err.message : err)).slice(0, 500)
    const wait = WAITS[email.attempts - 1]
    const fields = { email_id: email.id, to: masked(to), attempts: email.attempts, err }
    if (wait === undefined || email.sealed === null || isRefusedForGood(err)) {
      await markFailed(db.hot, email.id, error, keep)
      letters({ outcome: 'failed' }).add()
      log.error(fields, 'delivering an email failed permanently')
    } else {
      await postponeEmail(db.hot, email, error, later(clock.now(), wait))
      letters({ outcome: 'postponed' }).add()
      log.warn(fields, 'delivering an email failed, it is retried')
    }
  }

  const deliver = async (email: ClaimedEmail): Promise<void> => {
    let to = ''
    try {
      if (email.sealed === null) throw new Error('the email is empty')
      if (email.attempts > WAITS.length + 1) throw new Error('the process ended during every try')
      const rendered = unsealEmail(keyring, email.sealed)
      to = rendered.to
      if (tracer) await tracer.work('deliver email', () => send(email, rendered))
      else await send(email, rendered)
    } catch (error) {
      return fail(email, to, error)
    }
    letters({ outcome: 'sent' }).add()
    await markSent(db.hot, email.id, clock.now(), keep)
  }

  return async () => {
    for (;;) {
      const now = clock.now()
      const emails = await claimEmails(db.hot, { now, leaseEnd: later(now, LEASE), limit: AT_ONCE })
      if (emails.length === 0) return
      await Promise.all(emails.map(deliver))
    }
  }
}

/** The first email and the domain: enough to find a recipient on request, not enough to collect addresses from a log. */
const masked = (address: string): string => address.replace(/^(.).*@/u, '$1…@')
