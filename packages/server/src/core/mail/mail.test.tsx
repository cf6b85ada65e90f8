import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Clock, systemClock } from '../../base/clock.ts'
import { keyring } from '../../base/crypto.ts'
import type { Database } from '../../base/db/database.ts'
import { createMetrics } from '../../base/metrics/index.ts'
import { openTestDatabase, quietLog } from '../../testing/database.ts'
import { createJobs, type Jobs } from '../jobs/index.ts'
import { createCounts } from '../metrics/counts.ts'
import { Action, Paragraph } from './email.tsx'
import { createMail, type Email, type Mail, type MailOptions, OUTBOX_SIZE } from './index.ts'
import { listOutbox } from './outbox.tsx'

const ring = keyring('a secret of the tests, thirty-two characters')
const SECRET = 'lnk_0123456789abcdef.topsecretpart'
const config: MailOptions['config'] = {
  profile: 'testing', smtpUrl: null, mailFrom: 'Acme <no-reply@id.example>', publicUrl: 'https://id.example',
  brandName: 'Acme', brandLogo: null, brandAccent: null, logLevel: 'silent',
} // biome-ignore format: a table
const email = (change: Partial<Email> = {}): Email => ({
  to: 'ann@example.com',
  subject: 'Verify your address',
  locale: 'en',
  body: (
    <>
      <Paragraph>Hello</Paragraph>
      <Action href={`https://id.example/verify-email?token=${SECRET}`}>Verify</Action>
    </>
  ),
  ...change,
})

let db: Database
let clock: Clock
let jobs: Jobs
let mail: Mail
const print = vi.fn()
const outbox = (asked?: Parameters<typeof listOutbox>[1]) => listOutbox({ db, keyring: ring }, asked)
const write = (change?: Partial<Email>): Promise<void> =>
  db.tx('system', (tx) => mail.write(tx, email(change), clock.now()))
const rows = () => db.tx('system', (tx) => tx.selectFrom('letters').selectAll().orderBy('id').execute())

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())
const counts = createCounts(createMetrics())
beforeEach(async () => {
  await db.tx('system', (tx) => tx.deleteFrom('letters').execute())
  clock = systemClock()
  jobs = createJobs({ db, clock, log: quietLog })
  mail = createMail({ db, clock, jobs, keyring: ring, log: quietLog, config, print, counts })
  print.mockClear()
})

describe('outside production, without a mail server', () => {
  test('an email is in the outbox as soon as its transaction is committed', async () => {
    await write()
    expect(await outbox()).toEqual([
      {
        id: expect.stringMatching(/^ltr_/),
        to: 'ann@example.com',
        subject: 'Verify your address',
        text: expect.stringContaining(`Verify:\nhttps://id.example/verify-email?token=${SECRET}`),
        html: expect.stringContaining('<!doctype html>'),
        links: [`https://id.example/verify-email?token=${SECRET}`],
        sent_at: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    ])
  })

  test('is printed as one line at the terminal, after the commit', async () => {
    await db.tx('system', async (tx) => {
      await mail.write(tx, email(), clock.now())
      expect(print).not.toHaveBeenCalled()
    })
    expect(print).toHaveBeenCalledExactlyOnceWith(
      `E-mail to ann@example.com: Verify your address → https://id.example/verify-email?token=${SECRET}`,
    )
  })

  test('does not exist when its transaction is rolled back', async () => {
    const cause = db.tx('system', async (tx) => {
      await mail.write(tx, email(), clock.now())
      throw new Error('no')
    })
    await expect(cause).rejects.toThrow('no')
    expect(await rows()).toEqual([])
    expect(print).not.toHaveBeenCalled()
  })

  test('may be written by a caller, who can read no email', async () => {
    const scope = { userId: 'usr_1', organizationId: null, permissions: [] }
    await db.tx(scope, (tx) => mail.write(tx, email(), clock.now()))
    expect(await outbox()).toHaveLength(1)
    await expect(db.tx(scope, (tx) => tx.selectFrom('letters').selectAll().execute())).rejects.toThrow(
      /permission denied/,
    )
  })

  test('is sealed at rest', async () => {
    await write({ to: 'recipient@example.com' })
    const stored = JSON.stringify(await rows())
    for (const secret of [SECRET, 'topsecretpart', 'recipient', 'Verify your address'])
      expect(stored).not.toContain(secret)
    expect(await listOutbox({ db, keyring: keyring('another secret, with thirty-two characters') })).toEqual(
      [],
    )
  })

  test('is refused where the recipient is not exactly one address', async () => {
    await expect(write({ to: 'ann@example.com\r\nBcc: eve@example.com' })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    })
    expect(await rows()).toEqual([])
  })
})

describe('the outbox', () => {
  test('lists the newest first, filters by address in any case, and applies the limit', async () => {
    for (let i = 1; i <= 6; i++) {
      await write({ subject: `Email ${i}`, to: i % 2 ? 'Ann@Example.com' : 'bob@example.com' })
      clock.advance(i < 4 ? 1000 : 0)
    }
    const subjects = async (asked?: Parameters<typeof listOutbox>[1]) =>
      (await outbox(asked)).map(({ subject }) => subject.slice(-1)).join('')
    expect(await subjects()).toBe('654321')
    expect(await subjects({ to: ' ann@example.COM ' })).toBe('531')
    expect(await subjects({ limit: 2 })).toBe('65')
    expect(await subjects({ limit: 2, to: 'bob@example.com' })).toBe('64')
  })

  test('keeps a bounded number', async () => {
    await db.tx('system', async (tx) => {
      for (let i = 0; i < OUTBOX_SIZE + 20; i++) await mail.write(tx, email({ subject: `${i}` }), clock.now())
    })
    await jobs.settle()
    clock.advance(10 * 60_000)
    await jobs.settle()
    const kept = await rows()
    expect(kept).toHaveLength(OUTBOX_SIZE)
    expect((await outbox({ limit: 1 }))[0]?.subject).toBe(String(OUTBOX_SIZE + 19))
  })

  test('deletes emails after 30 days', async () => {
    await write()
    await jobs.settle()
    clock.advance(29 * 86_400_000)
    await jobs.settle()
    expect(await rows()).toHaveLength(1)
    clock.advance(2 * 86_400_000)
    await jobs.settle()
    expect(await rows()).toEqual([])
  })
})
