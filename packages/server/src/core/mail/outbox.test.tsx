import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../../base/clock.ts'
import { keyring } from '../../base/crypto.ts'
import type { Database } from '../../base/db/database.ts'
import { type Serving, serve } from '../../base/http/testing.ts'
import { createMetrics } from '../../base/metrics/index.ts'
import { createPages } from '../../base/page/index.ts'
import { openTestDatabase, quietLog } from '../../testing/database.ts'
import { PASSWORD, startWorld } from '../../testing/world.ts'
import { createJobs, type Jobs, job } from '../jobs/index.ts'
import { createCounts } from '../metrics/counts.ts'
import { Action, Paragraph } from './email.tsx'
import { createMail, type Mail, type MailOptions } from './index.ts'
import { outboxRows } from './outbox.tsx'

const ring = keyring('a secret of the tests, thirty-two characters')
const clock = systemClock()
const config: MailOptions['config'] = {
  profile: 'testing', smtpUrl: null, mailFrom: 'Acme <no-reply@id.example>', publicUrl: 'https://id.example',
  brandName: 'Acme', brandLogo: null, brandAccent: null, logLevel: 'silent',
} // biome-ignore format: a table
const LINK = 'https://id.example/verify-email?token=a&b=<1'.replace('<', '%3C')

let db: Database
let server: Serving
let jobs: Jobs
let mail: Mail
const write = (mail: Mail, to: string, name: string): Promise<void> =>
  db.tx('system', (tx) =>
    mail.write(
      tx,
      {
        to,
        subject: `For ${name}`,
        locale: 'en',
        body: (
          <>
            <Paragraph>Hello {name}</Paragraph>
            <Action href={LINK}>Verify</Action>
          </>
        ),
      },
      clock.now(),
    ),
  )

beforeAll(async () => {
  db = await openTestDatabase()
  const tools = { db, clock, keyring: ring, log: quietLog }
  jobs = createJobs(tools)
  mail = createMail({ ...tools, jobs, config, counts: createCounts(createMetrics()) })
  const pages = createPages(config)
  server = await serve(outboxRows({ db, keyring: ring }, jobs.settleNew), {
    renderPage: pages.renderPage,
    renderProblem: pages.renderProblem,
  })
  await write(mail, 'ann@example.com', 'Ann')
  await write(mail, 'bob@example.com', '<img src=x>')
})
afterAll(() => db.close())

test('is a bare array, newest first, in every envelope style', async () => {
  for (const accept of [
    'application/json',
    'application/vnd.latchkey.standard+json',
    'application/vnd.latchkey.errors+json',
  ]) {
    const { status, headers, json } = await server.ask('/dev/outbox.json', { headers: { accept } })
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(json).toEqual([
      expect.objectContaining({ to: 'bob@example.com', subject: 'For img src=x' }),
      {
        to: 'ann@example.com',
        subject: 'For Ann',
        text: expect.stringContaining(`Verify:\n${LINK}`),
        html: expect.stringContaining('Hello Ann'),
        links: [LINK],
        sent_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ])
  }
})

test('has the e-mails of every job that was enqueued before the request, and deletes them', async () => {
  const welcome = job('test.welcome', z.object({}))
  jobs.on(welcome, () => write(mail, 'eve@example.com', 'Eve'))
  const enqueue = () => db.tx('system', (tx) => jobs.enqueue(tx, welcome, {}))
  await enqueue()
  const path = '/dev/outbox.json?to=eve@example.com'
  expect((await server.ask(path)).json).toHaveLength(1)
  await enqueue()
  expect((await server.ask('/dev/outbox?to=eve@example.com')).text.match(/Hello Eve/g)).toHaveLength(2)
  await enqueue()
  await server.ask('/dev/outbox', { method: 'DELETE' })
  expect((await server.ask(path)).json).toEqual([])
  await write(mail, 'ann@example.com', 'Ann')
  await write(mail, 'bob@example.com', '<img src=x>')
})

test('filters by address, and applies the limit', async () => {
  expect((await server.ask('/dev/outbox.json?to=ANN@example.com')).json).toHaveLength(1)
  expect((await server.ask('/dev/outbox.json?limit=1')).json).toMatchObject([{ to: 'bob@example.com' }])
  expect((await server.ask('/dev/outbox.json?limit=0')).status).toBe(400)
})

test('is a page with working links that shows markup as text', async () => {
  const { status, headers, text } = await server.ask('/dev/outbox')
  expect(status).toBe(200)
  expect(headers.get('content-security-policy')).toMatch(/style-src 'self'/)
  expect(headers.getSetCookie()).toEqual([])
  expect(text).toContain(`<a href="${LINK.replace('&', '&amp;')}">`)
  expect(text).toContain('Hello &lt;img src=x')
  expect(text).not.toContain('<img')
  expect((await server.ask('/dev/outbox?to=unknown@example.com')).text).toContain('No e-mails yet.')
})

test('shows an email as its reader sees it, under a policy that lets it load nothing', async () => {
  const id = /\/dev\/outbox\/(ltr_[0-9a-f]{32})/.exec(
    (await server.ask('/dev/outbox?to=ann@example.com')).text,
  )?.[1]
  const { status, headers, text } = await server.ask(`/dev/outbox/${id}`)
  expect(status).toBe(200)
  expect(text).toMatch(/^<!doctype html><html lang="en">.*Hello Ann/s)
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  )
  for (const unknown of ['ltr_0', `ltr_${'0'.repeat(32)}`, 'usr_1', '%2e%2e']) {
    expect((await server.ask(`/dev/outbox/${unknown}`)).status).toBe(404)
  }
})

test('can be cleared, but not by another site', async () => {
  const foreign = await server.ask('/dev/outbox', {
    method: 'DELETE',
    headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  })
  expect(foreign.status).toBe(403)
  expect((await server.ask('/dev/outbox.json')).json).toHaveLength(2)
  expect((await server.ask('/dev/outbox', { method: 'DELETE' })).status).toBe(200)
  expect((await server.ask('/dev/outbox.json')).json).toEqual([])
})

test('in the testing profile an e-mail is there before the answer of the request that causes it', async () => {
  const world = await startWorld()
  try {
    const outbox = async (to: string) => (await fetch(`${world.url}/dev/outbox.json?to=${to}`)).json()
    const many = Array.from({ length: 6 }, (_, n) => `soon${n}@example.com`)
    await Promise.all(
      many.map(async (email) => {
        const made = await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
        expect(made.status).toBe(201)
        expect(await outbox(email)).toHaveLength(1)
      }),
    )
    await world.client().post('/api/v1/auth/password/forgot', { email: many[0] })
    expect(await outbox(String(many[0]))).toHaveLength(2)
  } finally {
    await world.stop()
  }
})
