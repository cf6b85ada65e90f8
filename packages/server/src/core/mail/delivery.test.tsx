import fc from 'fast-check'
import PostalMime, { type Email as ParsedEmail } from 'postal-mime'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Clock, systemClock } from '../../base/clock.ts'
import { keyring } from '../../base/crypto.ts'
import type { Database } from '../../base/db/database.ts'
import type { Log } from '../../base/log/index.ts'
import { createMetrics } from '../../base/metrics/index.ts'
import { createSmtp, isRefusedForGood } from '../../base/outbound/smtp.ts'
import { openTestDatabase } from '../../testing/database.ts'
import { createJobs, type Jobs } from '../jobs/index.ts'
import { createCounts } from '../metrics/counts.ts'
import { Action, Note, Paragraph } from './email.tsx'
import { createMail, type Email, type MailOptions } from './index.ts'
import { listOutbox } from './outbox.tsx'

const ring = keyring('a secret of the tests, thirty-two characters')
const LINK = 'https://id.example/verify-email?token=lnk_0123456789abcdef.topsecretpart'
const minutes = (count: number): number => count * 60_000
const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() } satisfies Log
const email = (change: Partial<Email> = {}): Email => ({
  to: 'ann@example.com',
  subject: 'Bestätigen Sie Ihre Adresse 🔑',
  locale: 'de',
  body: (
    <>
      <Paragraph>Grüße, {'<b>Ann</b>'}</Paragraph>
      <Action href={LINK}>Bestätigen</Action>
      <Note>{'x'.repeat(2000)}</Note>
    </>
  ),
  ...change,
})

interface Received {
  from: string
  to: string[]
  raw: Buffer
  email: ParsedEmail
}

/** A mail server that accepts everything; `options` overrides that. */
async function mailServer(options: SMTPServerOptions = {}) {
  const host = '127.0.0.1'
  const received: Received[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', async () => {
        const raw = Buffer.concat(chunks)
        const { mailFrom, rcptTo } = session.envelope
        const from = mailFrom ? mailFrom.address : ''
        received.push({
          from,
          to: rcptTo.map(({ address }) => address),
          raw,
          email: await PostalMime.parse(raw),
        })
        callback()
      })
    },
    ...options,
  })
  server.on('error', () => {})
  await new Promise<void>((done) => server.listen(0, host, done))
  const address = server.server.address()
  const port = address && typeof address === 'object' ? address.port : 0
  opened.push(() => new Promise((done) => server.close(() => done())))
  return { received, port, url: `smtp://${host}:${port}` }
}

const refusal = (code: number, text: string): Error => Object.assign(new Error(text), { responseCode: code })

let db: Database
let clock: Clock
const opened: (() => void | Promise<void>)[] = []

/** A node that delivers to this mail server. */
function node(smtpUrl: string | null, profile: MailOptions['config']['profile'] = 'production') {
  const jobs = createJobs({ db, clock, log })
  const metrics = createMetrics()
  const config: MailOptions['config'] = {
    profile, smtpUrl, mailFrom: 'Acme Öffis <no-reply@id.example>', publicUrl: 'https://id.example:8443',
    brandName: 'Acme', brandLogo: null, brandAccent: '#ff0000', logLevel: 'silent',
  } // biome-ignore format: a table
  const mail = createMail({ db, clock, jobs, keyring: ring, log, config, counts: createCounts(metrics) })
  opened.push(mail.close)
  const write = (change?: Partial<Email>): Promise<void> =>
    db.tx('system', (tx) => mail.write(tx, email(change), clock.now()))
  return { jobs, write, metrics }
}
const rows = () => db.tx('system', (tx) => tx.selectFrom('letters').selectAll().orderBy('id').execute())
const after = async (jobs: Jobs, milliseconds: number): Promise<void> => {
  clock.advance(milliseconds)
  await jobs.settle()
}

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())
beforeEach(async () => {
  await db.tx('system', async (tx) => {
    await tx.deleteFrom('letters').execute()
    await tx.deleteFrom('jobs').execute()
  })
  clock = systemClock()
  vi.clearAllMocks()
})
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

describe('a delivered email', () => {
  test('arrives once, unchanged, and its content is deleted', async () => {
    const { received, url } = await mailServer()
    const { jobs, write } = node(url)
    await write()
    expect(received).toEqual([])
    await jobs.settle()
    await after(jobs, minutes(60))
    expect(received).toHaveLength(1)
    const [{ from, to, email, raw } = { raw: '' } as never as Received] = received
    expect({ from, to }).toEqual({ from: 'no-reply@id.example', to: ['ann@example.com'] })
    expect(email).toMatchObject({
      from: { name: 'Acme Öffis', address: 'no-reply@id.example' },
      to: [{ name: '', address: 'ann@example.com' }],
      subject: 'Bestätigen Sie Ihre Adresse 🔑',
      messageId: expect.stringMatching(/^<ltr_[0-9a-f]{32}@id\.example>$/),
      text: expect.stringMatching(
        /^Grüße, <b>Ann<\/b>\n\nBestätigen:\nhttps:\/\/id\.example\/verify-email\?token=/,
      ),
      html: expect.stringContaining('Grüße, &lt;b>Ann&lt;/b>'),
    })
    const headers = Object.fromEntries(email.headers.map(({ key, value }) => [key, value]))
    expect(headers).toMatchObject({ 'auto-submitted': 'auto-generated' })
    expect(Object.keys(headers)).not.toContain('x-mailer')
    // RFC 5322 §2.1.1
    expect(
      Math.max(
        ...raw
          .toString()
          .split('\r\n')
          .map((line) => line.length),
      ),
    ).toBeLessThan(998)
    expect(await rows()).toMatchObject([
      { status: 'sent', sealed: null, attempts: 1, sent_at: expect.any(Date), last_error: null },
    ])
  })

  test('stays readable outside production, for the outbox', async () => {
    const { received, url } = await mailServer()
    const { jobs, write } = node(url, 'development')
    await write()
    expect(await listOutbox({ db, keyring: ring })).toEqual([])
    await jobs.settle()
    expect(received).toHaveLength(1)
    expect(await listOutbox({ db, keyring: ring })).toMatchObject([{ to: 'ann@example.com', links: [LINK] }])
  })

  test('is delivered by one of several nodes', async () => {
    const { received, url } = await mailServer()
    const nodes = [node(url), node(url), node(url)]
    for (let i = 0; i < 30; i++) await nodes[0]?.write({ to: `person${i}@example.com` })
    await Promise.all(nodes.map(({ jobs }) => jobs.settle()))
    expect(received.map(({ to }) => to[0]).sort()).toEqual(
      Array.from({ length: 30 }, (_, i) => `person${i}@example.com`).sort(),
    )
  })

  test('authenticates at the mail server with the credentials of the URL', async () => {
    const seen: unknown[] = []
    const { received, url } = await mailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth({ username, password }, _session, callback) {
        seen.push([username, password])
        callback(null, { user: 'x' })
      },
    })
    const { jobs, write } = node(
      url.replace('//', `//${encodeURIComponent('us:er@x')}:${encodeURIComponent('p/a#ss')}@`),
    )
    await write()
    await jobs.settle()
    expect(received).toHaveLength(1)
    expect(seen).toEqual([['us:er@x', 'p/a#ss']])
  })
})

describe('an email that cannot be delivered', () => {
  test('is retried after a temporary refusal, with a growing back-off', async () => {
    let refusals = 2
    const { received, url } = await mailServer({
      onRcptTo: (_address, _session, callback) =>
        callback(refusals-- > 0 ? refusal(451, 'greylisted') : null),
    })
    const { jobs, write } = node(url)
    await write()
    await jobs.settle()
    expect(await rows()).toMatchObject([
      { status: 'waiting', attempts: 1, last_error: expect.stringContaining('greylisted') },
    ])
    await after(jobs, minutes(0.9))
    expect(await rows()).toMatchObject([{ attempts: 1 }])
    await after(jobs, minutes(0.6))
    expect(await rows()).toMatchObject([{ attempts: 2 }])
    await after(jobs, minutes(4))
    expect(received).toHaveLength(0)
    await after(jobs, minutes(2))
    expect(received).toHaveLength(1)
    expect(await rows()).toMatchObject([{ status: 'sent', attempts: 3, sealed: null, last_error: null }])
    expect(log.error).not.toHaveBeenCalled()
  })

  test('fails immediately where the recipient is permanently refused', async () => {
    const { url } = await mailServer({
      onRcptTo: (_address, _session, callback) => callback(refusal(550, 'no such mailbox')),
    })
    const { jobs, write } = node(url)
    await write()
    await jobs.settle()
    expect(await rows()).toMatchObject([
      { status: 'failed', attempts: 1, sealed: null, last_error: expect.stringContaining('no such mailbox') },
    ])
    expect(log.error).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ to: 'a…@example.com' }),
      'delivering an email failed permanently',
    )
  })

  test('fails after the last retry where no mail server answers', async () => {
    const { jobs, write } = node('smtp://127.0.0.1:1')
    await write()
    await jobs.settle()
    for (let i = 0; i < 12; i++) await after(jobs, minutes(60 * 13))
    expect(await rows()).toMatchObject([
      { status: 'failed', attempts: 10, sealed: null, last_error: expect.stringContaining('ECONNREFUSED') },
    ])
    expect(log.error).toHaveBeenCalledOnce()
    await after(jobs, minutes(60 * 24 * 31))
    expect(await rows()).toEqual([])
  })

  test('in production without a mail server is retried and fails as well', async () => {
    const { jobs, write } = node(null)
    await write()
    await jobs.settle()
    expect(await rows()).toMatchObject([
      { status: 'waiting', attempts: 1, last_error: expect.stringContaining('LATCHKEY_SMTP_URL') },
    ])
    for (let i = 0; i < 12; i++) await after(jobs, minutes(60 * 13))
    expect(await rows()).toMatchObject([{ status: 'failed', sealed: null }])
  })

  test('because the server’s own login is refused is kept and retried', async () => {
    const { url } = await mailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: (_auth, _session, callback) => callback(refusal(535, 'bad credentials')),
    })
    const { jobs, write } = node(url.replace('//', '//user:topsecretpass@'))
    await write()
    await jobs.settle()
    expect(await rows()).toMatchObject([{ status: 'waiting', last_error: expect.stringContaining('535') }])
    expect(
      JSON.stringify([await rows(), log.warn.mock.calls.map(([fields]) => String(fields.err))]),
    ).not.toContain('topsecretpass')
  })

  test('does not delay other emails', async () => {
    const { received, url } = await mailServer({
      onRcptTo: ({ address }, _session, callback) =>
        callback(address.startsWith('bad') ? refusal(550, 'no') : null),
    })
    const { jobs, write } = node(url)
    for (const to of ['bad1@example.com', 'good1@example.com', 'bad2@example.com', 'good2@example.com'])
      await write({ to })
    await jobs.settle()
    expect(received).toHaveLength(2)
    expect((await rows()).map(({ status }) => status)).toEqual(['failed', 'sent', 'failed', 'sent'])
  })
})

describe('a process that ends between sending and marking', () => {
  test('leads to a second delivery under the same Message-ID', async () => {
    const { received, url } = await mailServer()
    const { jobs, write } = node(url)
    await write()
    const [before] = await rows()
    await jobs.settle()
    // the state after the crash: claimed, sent, not marked
    const leaseEnd = new Date(clock.now().getTime() + minutes(10))
    await db.tx('system', (tx) =>
      tx.updateTable('letters').set({ status: 'waiting', sent_at: null, sealed: before?.sealed ?? null, next_at: leaseEnd }).execute(),
    ) // biome-ignore format: it reads as one line
    await after(jobs, minutes(9))
    expect(received).toHaveLength(1)
    await after(jobs, minutes(2))
    expect(received).toHaveLength(2)
    expect(received[0]?.email.messageId).toBe(received[1]?.email.messageId)
    expect(await rows()).toMatchObject([{ status: 'sent', sealed: null }])
  })
})

describe('user input', () => {
  test('never becomes a header, another recipient or markup', async () => {
    const { received, url } = await mailServer()
    const { jobs, write } = node(url)
    const hostile = fc.oneof(
      fc.constantFrom(
        'x\r\nBcc: eve@example.com',
        'x\nSubject: other',
        'x\r\n\r\n<script>',
        '=?utf-8?q?=0d=0aBcc:eve@example.com?=',
        'a\u2028Bcc: eve@x',
        '<img src=x>',
        '\u0000',
        'x\rTo: eve@x',
      ),
      fc.string({ unit: 'binary', maxLength: 80 }),
    )
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (subject, address) => {
        received.length = 0
        const to = `${address}@example.com`
        const isWritten = await write({ subject, to, body: <Paragraph>{subject}</Paragraph> }).then(
          () => true,
          () => false,
        )
        await write({ subject, body: <Paragraph>{subject}</Paragraph> })
        await jobs.settle()
        expect(received.length).toBeLessThanOrEqual(isWritten ? 2 : 1)
        expect(received.length).toBeGreaterThanOrEqual(1)
        for (const one of received) {
          expect(one.to).toHaveLength(1)
          const headers = one.email.headers.map(({ key }) => key).filter((key) => key !== 'subject')
          expect(one.email.headers.length - headers.length).toBeLessThanOrEqual(1)
          expect(headers.sort()).toEqual(
            ['auto-submitted', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'to', 'x-auto-response-suppress'],
          ) // biome-ignore format: a list
          expect(one.email.subject ?? '').not.toMatch(/[\r\n<>]/)
          expect(one.email.html).not.toMatch(/<(?:script|img)/)
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('the connection to the mail server', () => {
  const message = {
    from: 'a@id.example',
    to: 'b@example.com',
    subject: 's',
    text: 't',
    html: 'h',
    messageId: '<x@y>',
    at: new Date(),
  }
  test('is encrypted except to this machine, or nothing is sent', async () => {
    // this machine, under an address that is not a loopback address by name
    const { received, port } = await mailServer()
    const url = `smtp://0.0.0.0:${port}`
    const strict = createSmtp(url)
    opened.push(strict.close)
    await expect(strict.send(message)).rejects.toThrow(/STARTTLS/i)
    expect(received).toEqual([])
    const permitted = createSmtp(`${url}?tls=off`)
    opened.push(permitted.close)
    await permitted.send(message)
    expect(received).toHaveLength(1)
  })

  test('rejects a certificate without a trusted issuer', async () => {
    const { received, port } = await mailServer({ secure: true })
    const smtp = createSmtp(`smtps://127.0.0.1:${port}`)
    opened.push(smtp.close)
    await expect(smtp.send(message)).rejects.toThrow(/certificate/i)
    expect(received).toEqual([])
  })

  test('distinguishes permanent refusals from temporary ones and from faults of the configuration', () => {
    const error = (responseCode: number, command: string) =>
      Object.assign(new Error('x'), { responseCode, command })
    expect(isRefusedForGood(error(550, 'RCPT TO'))).toBe(true)
    expect(isRefusedForGood(error(554, 'DATA'))).toBe(true)
    expect(isRefusedForGood(error(451, 'RCPT TO'))).toBe(false)
    expect(isRefusedForGood(error(535, 'AUTH PLAIN'))).toBe(false)
    expect(isRefusedForGood(error(550, 'MAIL FROM'))).toBe(false)
    expect(isRefusedForGood(new Error('x'))).toBe(false)
    expect(isRefusedForGood('x')).toBe(false)
  })
})
