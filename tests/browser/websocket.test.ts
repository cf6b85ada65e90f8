/**
 * WebSockets from a real browser: with the session cookie, a ticket and a subprotocol, and from a page of another
 * origin, whose upgrade carries the same cookie.
 */
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import express from 'express'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, jwt, session, type WebSockets, webSockets } from '../../packages/guard/src/index.ts'
import { until } from '../../packages/guard/src/testing/waiting.ts'
import { filesOf } from '../setup/guides.ts'
import { installedFolder } from '../setup/packed.ts'
import { type Chromium, startChromium } from './chromium.ts'

interface Socket {
  on(event: string, listener: (data: Buffer) => void): void
  send(text: string): void
  close(code: number, reason: string): void
}
interface SocketServer {
  handleUpgrade(request: object, socket: Duplex, head: Buffer, done: (socket: Socket) => void): void
}

const users = new Map([['cookie-of-ada', 'ada']])
const secret = 'a secret of at least thirty-two bytes'
const listening: Server[] = []
let chromium: Chromium
let sockets: WebSockets
let app: string
let elsewhere: string
let page: Page

async function listen(server: Server): Promise<string> {
  listening.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function startApp(): Promise<string> {
  const load = createRequire(`${await installedFolder('guides')}/package.json`)
  const { WebSocketServer } = load('ws') as { WebSocketServer: new (options: object) => SocketServer }
  const guard = createGuard({
    methods: [
      session({ cookie: 'sid', find: (token) => (users.has(token) ? { id: users.get(token) } : null) }),
      jwt({ secret, issuer: 'app', audience: 'app' }),
    ],
  })
  sockets = webSockets(guard)
  const routes = express()
  routes.get('/', (_, res) => void res.type('html').send('<!doctype html><title>app</title>'))
  routes.post(
    '/socket-ticket',
    guard.express(),
    async (req, res) => void res.json(await sockets.issueTicket(req)),
  )
  const wss = new WebSocketServer({ noServer: true })
  const server = createServer(routes)
  server.on(
    'upgrade',
    sockets.upgrade((request, socket, head, connection) =>
      wss.handleUpgrade(request, socket, head, (ws) => {
        sockets.watch(connection, ({ code }) => ws.close(1008, code))
        ws.send(`${connection.principal?.userId} by ${connection.principal?.method}`)
      }),
    ),
  )
  return listen(server)
}

/** Runs code of a page that makes `socket`. @returns its first message and protocol, or how it closed */
const connect = (code: string, values: Record<string, string> = {}): Promise<string> =>
  page.evaluate(
    `(async () => {
      ${Object.entries(values)
        .map(([name, value]) => `const ${name} = ${JSON.stringify(value)}`)
        .join('\n')}
      ${code}
      globalThis.socket = socket
      return new Promise((resolve) => {
        socket.onmessage = ({ data }) => resolve(data + (socket.protocol && ' as ' + socket.protocol))
        socket.onclose = ({ code }) => resolve('closed ' + code)
      })
    })()`,
  )

async function tokenOfAda(): Promise<string> {
  const { SignJWT } = await import('jose')
  return new SignJWT({ iss: 'app', aud: 'app', sub: 'ada' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret))
}

beforeAll(async () => {
  chromium = await startChromium()
  app = await startApp()
  elsewhere = await listen(createServer((_, response) => void response.end('another app')))
  const context = await chromium.open()
  await context.addCookies([
    { name: 'sid', value: 'cookie-of-ada', url: app, httpOnly: true, sameSite: 'Lax' },
  ])
  page = await context.newPage()
  await page.goto(app)
})
afterAll(async () => {
  await chromium?.close()
  for (const server of listening) {
    server.closeAllConnections()
    server.close()
  }
})

describe('a page', () => {
  const withCookie = "const socket = new WebSocket('ws://' + host)"
  const host = () => new URL(app).host

  it('of the server connects with its cookie', async () => {
    expect(await connect(withCookie, { host: host() })).toBe('ada by session')
  })

  it('connects with a ticket as the guide prints it, and not twice', async () => {
    await page.context().clearCookies()
    const token = await tokenOfAda()
    expect(await connect(filesOf('ws').get('ticket.js') ?? '', { token })).toBe('ada by jwt')
    const { ticket } = await sockets.issueTicket(
      new Request(app, { headers: { authorization: `Bearer ${token}` } }),
    )
    const again = "const socket = new WebSocket('/?ticket=' + ticket)"
    expect([await connect(again, { ticket }), await connect(again, { ticket })]).toEqual([
      'ada by jwt',
      'closed 1006',
    ])
  })

  it('connects with a subprotocol as the guide prints it, whose other one the server selects', async () => {
    const code = filesOf('ws').get('subprotocol.js') ?? ''
    expect(await connect(code, { token: await tokenOfAda() })).toBe('ada by jwt as chat')
    expect(await connect(code, { token: 'a.b.c' })).toBe('closed 1006')
  })

  it('of another origin does not connect, although the browser sends the cookie', async () => {
    const own = await chromium.open()
    await own.addCookies([{ name: 'sid', value: 'cookie-of-ada', url: app, httpOnly: true, sameSite: 'Lax' }])
    const before = page
    page = await own.newPage()
    await page.goto(elsewhere)
    expect(await connect(withCookie, { host: host() })).toBe('closed 1006')
    await page.goto(app)
    expect(await connect(withCookie, { host: host() })).toBe('ada by session')
    await page.evaluate('socket.onclose = ({ code, reason }) => { globalThis.end = code + " " + reason }')
    users.clear()
    await sockets.recheck()
    await until(async () => (await page.evaluate('globalThis.end')) === '1008 SESSION_EXPIRED', 'the end')
    page = before
  })
})
