/** WebSocket upgrades through a real server of `node:http`: who may connect, what a refusal is, tickets, revocation. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  apiKey,
  createGuard,
  custom,
  type Guard,
  problem,
  type SocketConnection,
  session,
  type TicketStore,
  type WebSocketOptions,
  type WebSockets,
  webSockets,
} from '../index.ts'
import { until } from '../testing/waiting.ts'

/** Users by session and by key: what is deleted is revoked. */
let users: Map<string, string>
/** The answer of the callbacks waits for it. */
let pending: Promise<void>
let reasons: (string | undefined)[]
let guard: Guard
let server: Server
let port: number
let clock: number
const connections: SocketConnection[] = []
const open: Duplex[] = []

beforeEach(() => {
  users = new Map([
    ['ada-session', 'ada'],
    ['ada-key', 'ada'],
  ])
  pending = Promise.resolve()
  reasons = []
  clock = Date.now()
  const find = async (text: string) => {
    await pending
    const id = users.get(text)
    if (id === 'unreachable') throw problem('UNAVAILABLE')
    return id === undefined ? null : { id, roles: id === 'root' ? ['admin'] : [] }
  }
  guard = createGuard({
    methods: [apiKey({ bearer: true, find }), session({ cookie: 'sid', find })],
    onProblem: ({ code, reason }) => void reasons.push(`${code} ${reason ?? ''}`.trim()),
  })
})
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy()
  connections.splice(0)
  server?.closeAllConnections()
  server?.close()
})

/** A server that accepts as a WebSocket library does: with the first subprotocol that is offered. */
async function start(options: WebSocketOptions = {}): Promise<WebSockets> {
  const sockets = webSockets(guard, { now: () => clock, ...options })
  server = createServer((_, response) => void response.end())
  server.on(
    'upgrade',
    sockets.upgrade((incoming, socket, _head, connection) => {
      if (incoming.url === '/fault') throw new Error('a fault of the app')
      connections.push(connection)
      open.push(socket)
      const [protocol] = (incoming.headers['sec-websocket-protocol'] ?? '').split(',')
      const selected = protocol === '' ? '' : `sec-websocket-protocol: ${protocol}\r\n`
      socket.write(`HTTP/1.1 101 \r\nupgrade: websocket\r\nconnection: upgrade\r\n${selected}\r\n`)
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  port = (server.address() as AddressInfo).port
  return sockets
}

interface Reply {
  status: number
  headers: IncomingMessage['headers']
  body: string
}
/** Sends a handshake. */
function connect(headers: Record<string, string> = {}, path = '/'): Promise<Reply> {
  const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const sent = request({ port, host: '127.0.0.1', path, headers: { ...upgrade, ...headers } })
  return new Promise((resolve, reject) => {
    sent.once('upgrade', (response, socket) => {
      open.push(socket)
      resolve({ status: 101, headers: response.headers, body: '' })
    })
    sent.once('response', async (response) => {
      let body = ''
      for await (const chunk of response) body += String(chunk)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
    })
    sent.once('error', reject)
    sent.end()
  })
}
const statusOf = async (headers?: Record<string, string>, path?: string): Promise<number> =>
  (await connect(headers, path)).status
const KEY = { authorization: 'Bearer ada-key' }
const COOKIE = { cookie: 'sid=ada-session' }
const asRequest = (headers: Record<string, string>) =>
  new Request('http://app.test/ticket', { method: 'POST', headers })

describe('an upgrade', () => {
  it('with a credential is accepted, and carries its principal', async () => {
    await start()
    expect(await statusOf(KEY)).toBe(101)
    expect(await statusOf(COOKIE)).toBe(101)
    expect(connections.map(({ principal }) => principal)).toEqual([
      expect.objectContaining({ userId: 'ada', method: 'api_key' }),
      expect.objectContaining({ userId: 'ada', method: 'session' }),
    ])
  })

  it('without one is answered as any request, and its socket is closed', async () => {
    await start()
    const sockets: Socket[] = []
    server.on('connection', (socket) => void sockets.push(socket))
    const { status, headers, body } = await connect({ 'x-request-id': 'mine' })
    expect([status, headers]).toEqual([
      401,
      expect.objectContaining({
        'www-authenticate': expect.stringContaining('Bearer realm="latchkey"'),
        'content-type': 'application/json; charset=utf-8',
        'x-request-id': 'mine',
        connection: 'close',
      }),
    ])
    expect(JSON.parse(body)).toMatchObject({ success: false, error: { code: 'AUTHENTICATION_REQUIRED' } })
    await until(() => sockets[0]?.destroyed === true, 'the end of the socket')
    expect(reasons).toEqual(['AUTHENTICATION_REQUIRED'])
    expect(connections).toEqual([])
  })

  it('is checked against the rule', async () => {
    users.set('root-key', 'root')
    await start({ rule: { roles: ['admin'] } })
    expect(await statusOf(KEY)).toBe(403)
    expect(await statusOf({ authorization: 'Bearer root-key' })).toBe(101)
    expect(await statusOf({ authorization: 'Bearer unknown' })).toBe(401)
  })

  it('without a credential is accepted where the rule is optional; an invalid one is not', async () => {
    await start({ rule: { optional: true } })
    expect(await statusOf()).toBe(101)
    expect(connections[0]?.principal).toBeNull()
    expect(await statusOf({ authorization: 'Bearer unknown' })).toBe(401)
  })

  it.each([
    ['of the server itself', 'http://APP:PORT', 101],
    ['with TLS in front', 'https://APP:PORT', 101],
    ['that is listed', 'https://app.example.com', 101],
    ['of another site', 'https://evil.example.com', 403],
    ['of another port', 'http://APP:1', 403],
    ['that only begins like a listed one', 'https://app.example.com.evil.example', 403],
    ['of a sandboxed frame', 'null', 403],
    ['that is none', 'app.example.com', 403],
    ['that is empty', '', 403],
  ])('from a page %s', async (_, origin, expected) => {
    await start({ origins: ['https://app.example.com'] })
    const sent = origin.replace('APP', '127.0.0.1').replace('PORT', String(port))
    expect(await statusOf({ ...COOKIE, origin: sent })).toBe(expected)
    if (expected === 403) expect(reasons).toEqual([`CSRF_FAILED from ${sent}`.trim()])
  })

  it.each([
    ['of another site, with a cookie', { ...COOKIE, origin: 'https://evil.test' }, 'CSRF_FAILED'],
    ['of another site by Fetch Metadata', { ...COOKIE, 'sec-fetch-site': 'cross-site' }, 'CSRF_FAILED'],
    ['of the same host, with a cookie', { ...COOKIE, origin: 'https://app.test' }, 'ada'],
    ['without Origin, as programs send it', COOKIE, 'ada'],
    [
      'of another site, with a header field that no page can set',
      { ...KEY, origin: 'https://evil.test' },
      'ada',
    ],
  ])('checked by guard.authenticate alone, %s', async (_, headers, expected) => {
    const all = { host: 'app.test', connection: 'Upgrade', upgrade: 'WebSocket', ...headers }
    const checked = guard.authenticate(new Request('http://app.test/', { headers: all }))
    expect(
      await checked.then(
        (principal) => principal?.userId,
        ({ code }) => code,
      ),
    ).toBe(expected)
  })

  it('of a client that resets the connection meanwhile harms nothing', async () => {
    await start()
    let release = (): void => {}
    pending = new Promise((resolve) => {
      release = resolve
    })
    const connected = once(server, 'connection')
    const sent = request({
      port,
      host: '127.0.0.1',
      headers: { connection: 'upgrade', upgrade: 'websocket', ...KEY },
    })
    sent.on('error', () => {})
    sent.end()
    const [[socket]] = (await Promise.all([connected, once(server, 'upgrade')])) as [[Socket], unknown]
    sent.destroy()
    socket.destroy(new Error('connection reset'))
    release()
    expect(await statusOf(KEY)).toBe(101)
    expect(connections).toHaveLength(1)
  })

  it('whose acceptance fails is answered with 500', async () => {
    await start()
    expect(await statusOf(KEY, '/fault')).toBe(500)
  })
})

describe('a subprotocol with a token', () => {
  const offer = (...protocols: string[]) => ({ 'sec-websocket-protocol': protocols.join(', ') })

  it('authenticates, and is never selected', async () => {
    await start()
    for (const protocols of [
      ['app', 'latchkey.bearer.ada-key'],
      ['latchkey.bearer.ada-key', 'app'],
    ]) {
      const { status, headers } = await connect(offer(...protocols))
      expect([status, headers['sec-websocket-protocol']]).toEqual([101, 'app'])
    }
    expect(connections[0]?.principal?.userId).toBe('ada')
  })

  it.each([
    ['of an unknown token', ['app', 'latchkey.bearer.unknown'], {}, 401],
    ['without a token', ['app', 'latchkey.bearer.'], {}, 401],
    ['alone, which a browser could not use', ['latchkey.bearer.ada-key'], {}, 400],
    ['twice', ['app', 'latchkey.bearer.ada-key', 'latchkey.bearer.root-key'], {}, 400],
    ['beside a header field', ['app', 'latchkey.bearer.ada-key'], KEY, 400],
    ['from another site', ['app', 'latchkey.bearer.ada-key'], { origin: 'https://evil.test' }, 403],
    ['that is another one beside a cookie', ['app'], COOKIE, 101],
    ['of an unknown token beside a cookie', ['app', 'latchkey.bearer.unknown'], COOKIE, 401],
  ])('%s', async (_, protocols, headers, expected) => {
    await start()
    expect(await statusOf({ ...offer(...protocols), ...headers })).toBe(expected)
  })
})

it('a custom method cannot authenticate a subprotocol by the cookie beside its token', async () => {
  guard = createGuard({
    methods: [custom((sent) => (sent.header('cookie') === 'sid=ada-session' ? { userId: 'ada' } : null))],
  })
  await start()
  expect(await statusOf(COOKIE)).toBe(101)
  const token = { 'sec-websocket-protocol': 'app, latchkey.bearer.unknown' }
  expect(await statusOf({ ...COOKIE, ...token })).toBe(401)
})

describe('a ticket', () => {
  const use = (ticket: string, headers = {}) => statusOf(headers, `/chat?room=1&ticket=${ticket}`)

  it('connects its caller once', async () => {
    const sockets = await start()
    const { ticket, expires_in } = await sockets.issueTicket(asRequest(KEY))
    expect(expires_in).toBe(30)
    expect([await use(ticket), await use(ticket)]).toEqual([101, 401])
    expect(connections[0]?.principal?.userId).toBe('ada')
    expect(reasons).toEqual(['INVALID_TOKEN the ticket is unknown, used or expired'])
  })

  it('used many times at once connects exactly once', async () => {
    const sockets = await start()
    for (let round = 0; round < 5; round++) {
      const { ticket } = await sockets.issueTicket(asRequest(COOKIE))
      const statuses = await Promise.all(Array.from({ length: 20 }, () => use(ticket)))
      expect(statuses.filter((status) => status === 101)).toHaveLength(1)
    }
    expect(connections).toHaveLength(5)
  })

  it('is issued for a request of any framework, and for none without a credential', async () => {
    const sockets = await start()
    const headers = { ...KEY }
    for (const like of [
      { headers, url: '/' },
      { raw: { headers, url: '/' }, headers },
      { req: { raw: asRequest(KEY) } },
    ])
      expect(await use((await sockets.issueTicket(like as never)).ticket)).toBe(101)
    await expect(sockets.issueTicket(asRequest({}))).rejects.toMatchObject({
      code: 'AUTHENTICATION_REQUIRED',
    })
    const foreign = asRequest({ ...COOKIE, 'sec-fetch-site': 'cross-site' })
    await expect(sockets.issueTicket(foreign)).rejects.toMatchObject({ code: 'CSRF_FAILED' })
  })

  it('expires', async () => {
    const sockets = await start({ ticketLifetime: 10 })
    const [early, late] = [
      await sockets.issueTicket(asRequest(KEY)),
      await sockets.issueTicket(asRequest(KEY)),
    ]
    clock += 9_999
    expect(await use(early.ticket)).toBe(101)
    clock += 1
    expect(await use(late.ticket)).toBe(401)
  })

  it('of a credential that was revoked meanwhile, or that now is of another user, does not connect', async () => {
    const sockets = await start()
    const { ticket } = await sockets.issueTicket(asRequest(COOKIE))
    const other = await sockets.issueTicket(asRequest(KEY))
    users.delete('ada-session')
    users.set('ada-key', 'grace')
    expect([await use(ticket), await use(other.ticket)]).toEqual([401, 401])
    expect(reasons.at(-1)).toBe('INVALID_TOKEN the ticket was issued to another user')
  })

  it('is checked against the rule of the socket', async () => {
    const sockets = await start({ rule: { roles: ['admin'] } })
    expect(await use((await sockets.issueTicket(asRequest(KEY))).ticket)).toBe(403)
  })

  it.each([
    ['changed', (ticket: string) => `${ticket.slice(0, -2)}AA`, {}, 401],
    ['with another key', (ticket: string) => `${ticket.slice(0, -43)}${'A'.repeat(43)}`, {}, 401],
    ['cut', (ticket: string) => ticket.slice(0, -1), {}, 401],
    ['empty', () => '', {}, 401],
    ['that is none', () => 'ada-key', {}, 401],
    ['twice', (ticket: string) => `${ticket}&ticket=${ticket}`, {}, 400],
    ['beside a header field', (ticket: string) => ticket, KEY, 400],
    ['from another site', (ticket: string) => ticket, { origin: 'https://evil.test' }, 403],
    ['that is invalid beside a cookie', () => 'tkt_x', COOKIE, 401],
    [
      'that is valid beside the cookie of another user',
      (ticket: string) => ticket,
      { cookie: 'sid=root' },
      101,
    ],
  ])('%s', async (_, change, headers, expected) => {
    users.set('root', 'root')
    const sockets = await start()
    const { ticket } = await sockets.issueTicket(asRequest(KEY))
    expect(await use(change(ticket), headers)).toBe(expected)
    if (expected === 101) expect(connections[0]?.principal?.userId).toBe('ada')
  })

  it('waits in a store that several processes share, which cannot use what it keeps', async () => {
    const kept = new Map<string, { value: string; seconds: number }>()
    const tickets: TicketStore = {
      put: async (id, value, seconds) => kept.set(id, { value, seconds }),
      take: async (id) => {
        const found = kept.get(id)
        kept.delete(id)
        return found?.value ?? null
      },
    }
    const sockets = await start({ tickets })
    const { ticket } = await webSockets(guard, { tickets }).issueTicket(asRequest(KEY))
    const [[id, entry]] = [...kept] as [[string, { value: string; seconds: number }]]
    expect(entry.seconds).toBe(30)
    expect(ticket).toContain(id)
    expect(Buffer.from(entry.value, 'base64url').toString('latin1')).not.toContain('ada-key')
    expect(await use(ticket)).toBe(101)
    const other = await sockets.issueTicket(asRequest(KEY))
    for (const one of kept.values()) one.value = entry.value
    expect(await use(other.ticket)).toBe(401)
    const third = await sockets.issueTicket(asRequest(KEY))
    for (const one of kept.values()) one.value = 'AAAA'
    expect(await use(third.ticket)).toBe(401)
  })

  it('is answered with 500 where the store fails, and with 503 where too many wait', async () => {
    const failing = () => Promise.reject(new Error('the store is down'))
    const sockets = await start({ tickets: { put: () => 0, take: failing } })
    const { ticket } = await sockets.issueTicket(asRequest(KEY))
    expect(await use(ticket)).toBe(500)
    const full = webSockets(guard, { now: () => clock })
    const request = asRequest(KEY)
    for (let n = 0; n < 500; n++) users.set(`key-${n}`, `user-${n}`)
    for (let n = 0; n < 10_000; n++)
      await full.issueTicket(asRequest({ authorization: `Bearer key-${n % 500}` }))
    await expect(full.issueTicket(request)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    clock += 30_000
    expect(await full.issueTicket(request)).toMatchObject({ expires_in: 30 })
  })
})

describe('a watched connection', () => {
  async function watched(headers: Record<string, string>, path?: string) {
    await connect(headers, path)
    const connection = connections.at(-1)
    if (connection === undefined) throw new Error('not connected')
    const ends: string[] = []
    return { connection, ends, end: ({ code }: { code: string }) => void ends.push(code) }
  }

  it('ends when its credential is revoked, however it arrived, and is checked no more', async () => {
    const sockets = await start()
    const { ticket } = await sockets.issueTicket(asRequest(COOKIE))
    const all = [
      await watched(KEY),
      await watched({ 'sec-websocket-protocol': 'app, latchkey.bearer.ada-key' }),
      await watched({}, `/?ticket=${ticket}`),
    ]
    for (const { connection, end } of all) sockets.watch(connection, end)
    await sockets.recheck()
    expect(all.map(({ ends }) => ends)).toEqual([[], [], []])
    users.clear()
    await sockets.recheck()
    await sockets.recheck()
    expect(all.map(({ ends }) => ends)).toEqual([
      ['INVALID_API_KEY'],
      ['INVALID_API_KEY'],
      ['SESSION_EXPIRED'],
    ])
    await expect(all[0]?.connection.recheck()).rejects.toMatchObject({ code: 'INVALID_API_KEY' })
  })

  it('is checked at the interval', async () => {
    const sockets = await start({ recheckEvery: 0.05 })
    const { connection, ends, end } = await watched(KEY)
    sockets.watch(connection, end)
    users.clear()
    await until(() => ends.length === 1, 'the end')
  })

  it('survives one check that cannot be made, and ends with the second in a row', async () => {
    const sockets = await start()
    const { connection, ends, end } = await watched(KEY)
    sockets.watch(connection, end)
    for (const user of ['unreachable', 'ada', 'unreachable']) {
      users.set('ada-key', user)
      await sockets.recheck()
    }
    expect(ends).toEqual([])
    await sockets.recheck()
    expect(ends).toEqual(['UNAVAILABLE'])
  })

  it('is watched no longer when the app stops it, or closes all', async () => {
    const sockets = await start()
    const { connection, ends, end } = await watched(KEY)
    sockets.watch(connection, end)()
    sockets.watch(() => guard.verify('ada-key'), end)
    sockets.close()
    users.clear()
    await sockets.recheck()
    expect(ends).toEqual([])
  })

  it('can be checked by a function of the app', async () => {
    const sockets = await start()
    const ends: string[] = []
    sockets.watch(
      () => guard.verify('ada-key'),
      ({ code }) => void ends.push(code),
    )
    users.clear()
    await sockets.recheck()
    expect(ends).toEqual(['INVALID_API_KEY'])
  })
})

it.each([
  [{ origins: ['https://*.example.com'] }, /origins/],
  [{ origins: ['https://app.example.com/'] }, /origins/],
  [{ ticketLifetime: Number.NaN }, /ticketLifetime/],
  [{ recheckEvery: 0 }, /recheckEvery/],
  [{ tickets: { put: () => 0 } }, /put\(\) and take\(\)/],
  [{ origin: ['https://app.example.com'] }, /did you mean origins/],
  [{ rule: { role: 'admin' } }, /role/],
])('options that cannot work are refused: %j', (options, message) => {
  expect(() => webSockets(guard, options as WebSocketOptions)).toThrow(message)
})
