/**
 * E-mails by themselves, by the server's own outbox in a process without anything else: rendered and stored in a
 * transaction, or also delivered over SMTP by the job. Its arguments are a migrated database and a mail server.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../../packages/server/src/base/clock.ts'
import { keyring } from '../../packages/server/src/base/crypto.ts'
import { database } from '../../packages/server/src/base/db/database.ts'
import { postgresDriver } from '../../packages/server/src/base/db/postgres.ts'
import { createMetrics } from '../../packages/server/src/base/metrics/index.ts'
import { createJobs } from '../../packages/server/src/core/jobs/index.ts'
import { createMail, type Mail } from '../../packages/server/src/core/mail/index.ts'
import { createCounts } from '../../packages/server/src/core/metrics/counts.ts'
import { verificationEmail } from '../../packages/server/src/features/identity/emails/mail.tsx'

export interface EmailOrder {
  what: 'stored' | 'delivered'
  seconds: number
}
export interface Emailed {
  completed: number
  seconds: number
}

/** E-mails written before those due are delivered, as several users sign up at the same time. */
const AT_ONCE = 6

const [databaseUrl = '', smtpUrl = ''] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error: console.error }
const driver = postgresDriver({ databaseUrl, pool: 10, silence: 10_000, log })
const db = database({ driver, guardNesting: false, log })
const clock = systemClock()
const look = {
  publicUrl: 'https://id.example.test',
  brandName: 'Latchkey',
  brandLogo: null,
  brandAccent: '#0c6b58',
}
const outbox = (mail: { smtpUrl: string | null; profile: 'production' | 'testing' }) => {
  const jobs = createJobs({ db, clock, log })
  const config = {
    ...look,
    ...mail,
    mailFrom: 'Latchkey <no-reply@id.example.test>',
    logLevel: 'silent',
  } as const
  const counts = createCounts(createMetrics())
  const options = {
    counts,
    db,
    clock,
    jobs,
    keyring: keyring('benchmark '.repeat(4)),
    log,
    config,
    print: () => {},
  }
  return { jobs, mail: createMail(options) }
}
const delivered = outbox({ smtpUrl, profile: 'production' })
const stored = outbox({ smtpUrl: null, profile: 'testing' })

process.on('message', (order: EmailOrder) => void send(order))
process.on('disconnect', () => process.exit(0))
process.send?.({})

async function send({ what, seconds }: EmailOrder): Promise<void> {
  const { mail, jobs } = what === 'stored' ? stored : delivered
  const began = performance.now()
  let completed = 0
  while (performance.now() - began < seconds * 1000) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => write(mail, completed + i)))
    if (what === 'delivered') await jobs.settle()
    completed += AT_ONCE
    await turn()
  }
  process.send?.({ completed, seconds: (performance.now() - began) / 1000 } satisfies Emailed)
}

async function write(mail: Mail, i: number): Promise<void> {
  const href = `${look.publicUrl}/verify-email?token=lnk_${'0'.repeat(32)}.${'A'.repeat(43)}`
  const email = verificationEmail(look, { to: `person${i}@example.com`, href, locale: 'en' })
  await db.tx('system', (tx) => mail.write(tx, email, clock.now()))
}
