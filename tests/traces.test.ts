/**
 * Traces of a whole server: what happens inside of a request, a job and the delivery of an e-mail, as a collector receives it; and
 * that nothing which a caller sends, and nothing about a person, is in it.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../packages/server/src/base/http/row/route.ts'
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from '../packages/server/src/testing/otlp-receiver.ts'
import { PASSWORD, startWorld, type World } from '../packages/server/src/testing/world.ts'

let collector: OtlpReceiver
let breaches: Server
let mail: SMTPServer
let isMailRefused = false
let world: World

beforeAll(async () => {
  collector = await startOtlpReceiver()
  breaches = createServer((_req, res) => res.end(`${'0'.repeat(35)}:1`))
  await new Promise<void>((resolve) => breaches.listen(0, '127.0.0.1', resolve))
  mail = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      stream.resume().on('end', () => done(isMailRefused ? new Error('not now') : undefined))
    },
  })
  const smtp = await new Promise<number>((resolve) => {
    const listening = mail.listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port))
  })
  world = await startWorld({
    otlpEndpoint: collector.url,
    otlpHeaders: 'authorization=Bearer%20collector',
    otelServiceName: 'identity',
    otelResourceAttributes: 'team=a%2Cb,service.instance.id=mine',
    traceSample: 1,
    smtpUrl: `smtp://127.0.0.1:${smtp}`,
    breachCheck: true,
    breachUrl: `http://localhost:${(breaches.address() as AddressInfo).port}/secret-path/`,
    apiKeyInQuery: true,
  })
}, 60_000)
afterAll(async () => {
  await world?.stop()
  await new Promise<void>((resolve) => mail.close(() => resolve()))
  breaches.closeAllConnections()
  breaches.close()
  expect(collector.faults).toEqual([])
  await collector.close()
})

const childrenOf = (spans: readonly ReceivedSpan[], parent: ReceivedSpan | undefined) =>
  spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId)

/** Every span but the root has its parent in the trace, and lies within it. */
function expectNested(spans: readonly ReceivedSpan[]): void {
  const [root, ...others] = spans
  for (const span of others) {
    const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
    expect([span.name, parent?.name]).toEqual([span.name, expect.any(String)])
    expect(span.ended >= span.began).toBe(true)
    if (parent) expect([parent.began <= span.began, span.ended <= parent.ended]).toEqual([true, true])
  }
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length)
  expect(root?.parentSpanId).toBeUndefined()
}

describe('a sign-in', () => {
  it('contains its look-up, its hash, and its transaction with the statements', async () => {
    const person = await world.person({ signIn: false })
    await world.client().signIn(person.email, person.password)
    const spans = await collector.trace('POST /api/v1/auth/login')
    expectNested(spans)
    const [root] = spans
    expect(root).toMatchObject({
      kind: 2,
      attributes: { 'http.response.status_code': 200 },
      resource: { 'service.name': 'identity', team: 'a,b' },
    })
    const inside = childrenOf(spans, root)
    expect(inside.find(({ name }) => name === 'verify password')).toMatchObject({ kind: 1, error: null })
    expect(inside.filter(({ name }) => name.startsWith('SELECT ')).length).toBeGreaterThan(0)
    const transactions = inside.filter(({ name }) => name === 'transaction')
    const statements = transactions.flatMap((one) => childrenOf(spans, one))
    expect(transactions.length).toBeGreaterThan(0)
    expect(statements.map(({ name }) => name).join('\n')).toMatch(/sessions/)
    for (const { kind, attributes, name } of statements)
      expect([kind, attributes]).toEqual([3, { 'db.system.name': 'postgresql', 'db.query.summary': name }])
  })

  it('that is refused has no failed span', async () => {
    const person = await world.person({ signIn: false })
    collector.spans.length = 0
    const { status } = await world
      .client()
      .post('/api/v1/auth/login', { identifier: person.email, password: 'wrong' })
    expect(status).toBeGreaterThanOrEqual(400)
    const spans = await collector.trace('POST /api/v1/auth/login')
    expect(spans.filter(({ error }) => error !== null)).toEqual([])
  })
})

describe('a registration', () => {
  it('contains the request to another host, by its name alone', async () => {
    collector.spans.length = 0
    await world.person()
    const spans = await collector.trace('POST /api/v1/auth/register')
    expectNested(spans)
    expect(spans.find(({ name, kind }) => name === 'GET' && kind === 3)?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': 'localhost',
      'server.port': (breaches.address() as AddressInfo).port,
      'url.scheme': 'http',
    })
    expect(spans.map(({ name }) => name)).toContain('hash password')
  })

  it('sends no trace context to that host', async () => {
    const received = new Promise<object>((resolve) =>
      breaches.once('request', ({ headers }) => resolve(headers)),
    )
    await world.client().post('/api/v1/auth/register', { email: 'trace@example.com', password: PASSWORD })
    expect(Object.keys(await received).filter((name) => /^trace|^b3|^baggage/.test(name))).toEqual([])
  })
})

describe('e-mails and jobs', () => {
  it('are roots, each with what happens in it', async () => {
    collector.spans.length = 0
    await world.person()
    await world.app.settle()
    const job = await collector.trace('job letters.deliver')
    expectNested(job)
    expect(job.map(({ name }) => name)).toContain('UPDATE letters')
    const email = await collector.trace('deliver email')
    expectNested(email)
    expect(email.map(({ name, kind, error }) => [name, kind, error])).toEqual([
      ['deliver email', 1, null],
      ['SMTP', 3, null],
    ])
  })

  it('that fail are failed spans, and the log names the trace', async () => {
    collector.spans.length = 0
    isMailRefused = true
    await world.client().post('/api/v1/auth/register', { email: 'refused@example.com', password: PASSWORD })
    await world.app.settle()
    isMailRefused = false
    const email = await collector.trace('deliver email')
    expect(email.map(({ error }) => error)).toEqual(['EMESSAGE', 'EMESSAGE'])
    expect(email[0]?.attributes).toMatchObject({ 'error.type': 'EMESSAGE' })
  })

  it('recurring jobs are named', async () => {
    collector.spans.length = 0
    await world.clock.advance('2 hours')
    const spans = await collector.trace('job jobs.purge')
    expectNested(spans)
    expect(spans.map(({ name }) => name)).toContain('DELETE jobs')
  })
})

describe('a database that fails', () => {
  it('is a failed statement by its SQLSTATE, in a failed request', async () => {
    collector.spans.length = 0
    const { client } = await world.person()
    await world.db.asOwner((line) => line.plain('alter table latchkey.api_keys rename to api_keys_gone'))
    const { status } = await client
      .get('/api/v1/auth/api-keys')
      .finally(() =>
        world.db.asOwner((line) => line.plain('alter table latchkey.api_keys_gone rename to api_keys')),
      )
    expect(status).toBe(500)
    const spans = await collector.trace('GET /api/v1/auth/api-keys')
    expectNested(spans)
    expect(spans[0]?.error).toBe('500')
    expect(spans.filter(({ error }) => error === '42P01').map(({ name }) => name)).toContain(
      'SELECT api_keys',
    )
  })
})

describe('what is exported', () => {
  const MARK = 'zq7secret'
  const pathOf = (row: Row): string => row.path.replaceAll(/:\w+/g, `${MARK}-param`)

  async function shoot(row: Row, headers: Record<string, string>): Promise<void> {
    const body =
      row.method === 'GET'
        ? null
        : JSON.stringify({ password: MARK, email: `${MARK}@example.com`, code: MARK })
    await fetch(`${world.url}${pathOf(row)}?token=${MARK}&code=${MARK}&state=${MARK}&api_key=${MARK}`, {
      method: row.method,
      redirect: 'manual',
      headers: {
        'x-request-id': `${MARK}.id`,
        'user-agent': `${MARK} agent`,
        referer: `https://${MARK}.example/`,
        'accept-language': MARK,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: `${MARK}=1`,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body ? { body } : {}),
      signal: AbortSignal.timeout(2000),
    }).then(
      (res) => res.body?.cancel(),
      () => {},
    )
  }

  it('has nothing that a caller sends, and nothing about people, over the whole route table', async () => {
    const [admin] = await world.people([{ roles: ['super_admin'], email: `${MARK}.admin@example.com` }])
    const session = [...(admin?.client.cookies ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
    const rows = world.app.rows.filter(({ path, kind }) => path !== '/dev/clock' && kind !== 'stream')
    for (const row of rows) {
      await Promise.all([
        shoot(row, { authorization: `Bearer ${MARK}` }),
        shoot(row, { 'x-api-key': `lk_live_${MARK}`, cookie: `lk_attempt=${MARK}` }),
        row.method === 'GET' ? shoot(row, { cookie: session }) : undefined,
      ])
    }
    await world.app.settle()
    await world.app.tools.tracer?.close()
    expect(collector.faults).toEqual([])
    const routes = new Set(collector.spans.map(({ attributes }) => attributes['http.route']))
    expect(rows.filter(({ path }) => !routes.has(path)).map(({ path }) => path)).toEqual([])

    const text = collector.requests.map(({ body }) => body).join('\n')
    expect(text).not.toContain(MARK)
    expect(text).not.toContain('secret-path')
    expect(text).not.toContain(PASSWORD)
    expect(text).not.toMatch(/@|127\.0\.0\.1|::1/)
    expect(text).not.toMatch(/\b[a-z]{3,4}_[0-9a-f]{32}/)
    const { rows: people } = await sql<{ name: string }>`
      select id as name from latchkey.users union select address from latchkey.emails`.execute(world.db.hot)
    expect(people.filter(({ name }) => text.includes(name))).toEqual([])
    // only names of this server
    const keys = new Set(collector.spans.flatMap(({ attributes }) => Object.keys(attributes)))
    expect([...keys].sort()).toEqual([
      'db.query.summary',
      'db.system.name',
      'error.type',
      'http.request.method',
      'http.response.status_code',
      'http.route',
      'latchkey.hash.running',
      'latchkey.hash.waiting',
      'network.protocol.version',
      'server.address',
      'server.port',
      'url.scheme',
    ])
  })

  it('has the headers and the resource of the settings, and an instance that is this process', () => {
    for (const { headers } of collector.requests) expect(headers.authorization).toBe('Bearer collector')
    const instances = new Set(collector.spans.map(({ resource }) => resource['service.instance.id']))
    expect([...instances]).toEqual([expect.stringMatching(/^[0-9a-f]{8}-/)])
  })
})
