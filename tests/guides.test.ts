/**
 * The guides for frameworks, executed as printed: real frameworks and clients, the packed guard, a server's answers.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Counterpart, startCounterpart } from '../packages/guard/src/testing/counterpart.ts'
import { type Program, ROOT, run } from '../packages/guard/src/testing/programs.ts'
import { until } from '../packages/guard/src/testing/waiting.ts'
import { freePort } from '../packages/server/src/testing/world.ts'
import { filesOf, writePage } from './setup/guides.ts'
import { type PackedFolder, packedGuardBeside } from './setup/packed.ts'

const programs: Program[] = []
let folder: PackedFolder
let server: Counterpart

/** As the `ws` package and socket.io-client declare it, in short. */
interface Client {
  on(event: string, listener: (...values: never[]) => void): void
  emit(event: string, ...values: unknown[]): void
  send(text: string): void
  close(): void
  protocol: string
}
let WebSocket: new (url: string, protocols?: string[], options?: object) => Client
let io: (url: string, options: object) => Client

const asClient = (token: string, more = {}) => ({ headers: { authorization: `Bearer ${token}`, ...more } })
const json = { 'content-type': 'application/json' }
const read = async (response: Response) => [response.status, await response.json()]
const tokenFor = (...permissions: string[]) => server.token({ permissions })

/** Runs a file of a page. @returns its address */
async function start(page: string, file: string): Promise<string> {
  const port = await freePort()
  const own = join(folder.path, page)
  mkdirSync(own, { recursive: true })
  writePage(page, own, server.issuer, port)
  const program = run([file], {}, own)
  programs.push(program)
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  await until(answers, page).catch((error) => Promise.reject(new Error(program.output(), { cause: error })))
  return url
}

/** Connects, sends one message, and returns what came back, or the status of the refusal. */
function talk(url: string, protocols: string[] = [], options: object = {}): Promise<string | number> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, options)
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_: never, response: { statusCode: number }) =>
      resolve(response.statusCode),
    )
    socket.on('error', reject)
    socket.on('open', () => socket.send('hello'))
    socket.on('message', (data: Buffer) => {
      resolve(`${socket.protocol ? `${socket.protocol} ` : ''}${data}`)
      socket.close()
    })
  })
}

/** Sends bytes that are no frame (RFC 6455 §5.2: reserved bits) as soon as it is connected, and waits for the end. */
async function sendBadFrame(url: string, token: string): Promise<void> {
  const { host, hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  const fields = {
    host,
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    ...asClient(token).headers,
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(String(answer)).toContain('101 Switching Protocols')
  socket.on('error', () => {}).resume()
  socket.write(Buffer.from([0xff, 0xff, 0x00, 0x00]))
  await once(socket, 'close')
}

beforeAll(async () => {
  server = await startCounterpart()
  folder = await packedGuardBeside('guides')
  const load = createRequire(join(folder.installed, 'package.json'))
  WebSocket = load('ws')
  io = load('socket.io-client').io
  writeFileSync(join(folder.path, 'package.json'), '{ "type": "module" }')
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    allowImportingTsExtensions: true,
    types: ['node'],
  }
  writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
})
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()))
  await server.close()
  folder.remove()
})

describe('the guide for ws', () => {
  let url: string
  let token: string
  beforeAll(async () => {
    url = await start('ws', 'server.ts')
    token = await tokenFor('chat:read')
  })

  it('connects a program with a header field, and refuses others', async () => {
    expect(await talk(url, [], asClient(token))).toBe('ada: hello')
    expect(await talk(url)).toBe(401)
    expect(await talk(url, [], asClient(await tokenFor('chat:write')))).toBe(403)
    expect(await talk(url, [], asClient(token, { origin: 'https://evil.example.com' }))).toBe(403)
    expect(await talk(url, [], asClient(token, { origin: 'https://app.example.com' }))).toBe('ada: hello')
  })

  it('connects a page with a ticket, once', async () => {
    const code = filesOf('ws').get('ticket.js') ?? ''
    const issue = new Function(
      'fetch',
      'WebSocket',
      'token',
      `return (async () => {${code}\nreturn ticket })()`,
    )
    const request = (path: string, init: RequestInit) => fetch(url + path, init)
    const ticket = (await issue(request, class {}, token)) as string
    const connected = Array.from({ length: 10 }, () => talk(`${url}/?ticket=${ticket}`))
    const results = await Promise.all(connected)
    expect(results.filter((result) => result === 'ada: hello')).toHaveLength(1)
    expect(results.filter((result) => result === 401)).toHaveLength(9)
    expect((await fetch(`${url}/socket-ticket`, { method: 'POST' })).status).toBe(401)
  })

  it('connects a page with a subprotocol, of which the other is selected', async () => {
    expect(filesOf('ws').get('subprotocol.js')).toContain(`['chat', \`latchkey.bearer.\${token}\`]`)
    expect(await talk(url, ['chat', `latchkey.bearer.${token}`])).toBe('chat ada: hello')
    expect(await talk(url, ['chat', 'latchkey.bearer.x'])).toBe(401)
    expect(await talk(url, [`latchkey.bearer.${token}`])).toBe(400)
  })

  it('survives a client that sends a malformed frame', async () => {
    await sendBadFrame(url, token)
    expect(await talk(url, [], asClient(token))).toBe('ada: hello')
  })

  it('keeps tickets in a shared store', async () => {
    writeFileSync(
      join(folder.path, 'ws/redis.ts'),
      `const kept = new Map<string, string>()
      export const redis = {
        set: async (id: string, value: string, _: 'EX', _seconds: number) => void kept.set(id, value),
        getdel: async (id: string) => { const value = kept.get(id); kept.delete(id); return value ?? null },
      }`,
    )
    const file = pathToFileURL(join(folder.path, 'ws/tickets.ts')).href
    const text = `import { sockets } from '${file}'
      const ask = (url, headers) => sockets.authorize({ url, headers })
      const { ticket } = await sockets.issueTicket({ url: '/', headers: { authorization: 'Bearer ' + process.env.TOKEN } })
      console.log((await ask('/?ticket=' + ticket, {})).principal.username, (await ask('/?ticket=' + ticket, {}).catch((e) => e.code)))
    `
    writeFileSync(join(folder.path, 'ws/use-tickets.mjs'), text)
    const program = run(['use-tickets.mjs'], { TOKEN: token }, join(folder.path, 'ws'))
    programs.push(program)
    await program.printed(/ada INVALID_TOKEN/)
  })

  it('connects by Fastify as well', async () => {
    const other = await start('ws', 'fastify.ts')
    expect(await talk(`${other}/chat`, [], asClient(token))).toBe('ada: hello')
    expect(await talk(`${other}/chat`, ['chat', `latchkey.bearer.${token}`])).toBe('chat ada: hello')
    await sendBadFrame(`${other}/chat`, token)
    expect(await talk(`${other}/chat`)).toBe(401)
    expect(await talk(`${other}/chat`, [], asClient(await tokenFor()))).toBe(403)
    expect(await talk(`${other}/chat`, [], asClient(token, { origin: 'https://evil.example.com' }))).toBe(403)
  })
})

describe('the guide for Socket.IO', () => {
  const enter = (url: string, token: string | undefined) =>
    new Promise<string>((resolve) => {
      const socket = io(url, { auth: (send: (auth: object) => void) => send({ token }), reconnection: false })
      socket.on('connect_error', (error: Error) => resolve(error.message))
      socket.on('connect', () =>
        socket.emit('say', 'hello', (text: string) => {
          socket.close()
          resolve(text)
        }),
      )
    })

  it('connects a client with a token, and refuses others with the message of the problem', async () => {
    const url = await start('socket.io', 'server.ts')
    expect(await enter(url, await tokenFor('chat:read'))).toBe('ada: hello')
    // events with other arguments than the server expects
    const hostile = io(url, { auth: { token: await tokenFor('chat:read') }, reconnection: false })
    await new Promise<void>((resolve) => hostile.on('connect', () => resolve()))
    for (const values of [[], ['hello'], ['hello', 'no function'], [{}, null]]) hostile.emit('say', ...values)
    // answered after the others, which the server has survived
    expect(await new Promise((resolve) => hostile.emit('say', 'hello', resolve))).toBe('ada: hello')
    expect(await enter(url, await tokenFor('chat:read'))).toBe('ada: hello')
    hostile.close()
    expect(await enter(url, undefined)).toBe('Sign in to continue.')
    expect(await enter(url, 'a.b.c')).toBe('The token is not valid.')
    expect(await enter(url, await tokenFor())).toBe('You are not allowed to do this.')
  })
})

it('the guide for NestJS protects controllers and routes', async () => {
  const url = await start('nestjs', 'main.ts')
  const token = await tokenFor('notes:read')
  const refused = await fetch(`${url}/notes`)
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    401,
    'Bearer realm="latchkey", Api-Key realm="latchkey"',
  ])
  expect(await refused.json()).toMatchObject({ success: false, error: { code: 'AUTHENTICATION_REQUIRED' } })
  expect(await read(await fetch(`${url}/notes`, asClient(token)))).toEqual([
    200,
    expect.objectContaining({ username: 'ada' }),
  ])
  expect((await fetch(`${url}/notes`, { method: 'POST', ...asClient(token) })).status).toBe(403)
  const writer = { method: 'POST', ...asClient(await tokenFor('notes:write')) }
  expect(await read(await fetch(`${url}/notes`, writer))).toEqual([201, { added: true }])
})

it('the guide for tRPC protects procedures', async () => {
  const url = await start('trpc', 'server.ts')
  const token = await tokenFor('notes:read')
  expect(await read(await fetch(`${url}/me`))).toEqual([
    401,
    {
      error: expect.objectContaining({
        message: 'Sign in to continue.',
        data: expect.objectContaining({ code: 'UNAUTHORIZED' }),
      }),
    },
  ])
  expect(await read(await fetch(`${url}/me`, asClient(token)))).toEqual([200, { result: { data: 'ada' } }])
  const add = async (one: string) =>
    fetch(`${url}/addNote`, { method: 'POST', body: '{}', ...asClient(one, json) })
  expect((await add(token)).status).toBe(403)
  expect(await read(await add(await tokenFor('notes:write')))).toEqual([200, { result: { data: 'added' } }])
})

it('the guide for GraphQL Yoga protects the endpoint and fields', async () => {
  const url = await start('graphql-yoga', 'server.ts')
  const query = async (text: string, token?: string) =>
    read(
      await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { ...json, ...(token ? asClient(token).headers : {}) },
        body: JSON.stringify({ query: text }),
      }),
    )
  expect(await query('{ version me }')).toEqual([200, { data: { version: '1', me: null } }])
  const refusal = (code: string) => ({
    errors: [expect.objectContaining({ extensions: { code } })],
    data: { notes: null },
  })
  expect(await query('{ notes }')).toEqual([401, refusal('AUTHENTICATION_REQUIRED')])
  expect(await query('{ notes }', await tokenFor())).toEqual([403, refusal('INSUFFICIENT_PERMISSIONS')])
  expect(await query('{ me notes }', await tokenFor('notes:read'))).toEqual([
    200,
    { data: { me: 'ada', notes: ['first'] } },
  ])
  expect((await query('{ version }', 'a.b.c'))[0]).toBe(401)
})

describe('the guide for Lambda', () => {
  const http = { method: 'GET', path: '/notes', protocol: 'HTTP/1.1', sourceIp: '1.2.3.4', userAgent: 'test' }
  const v2 = (headers: Record<string, string>) => ({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/notes',
    rawQueryString: '',
    headers,
    requestContext: { domainName: 'api.example.com', http },
    isBase64Encoded: false,
  })
  const v1 = (headers: Record<string, string>) => ({
    resource: '/notes',
    path: '/notes',
    httpMethod: 'GET',
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    requestContext: { domainName: 'api.example.com' },
    body: null,
    isBase64Encoded: false,
  })

  it.each([
    ['wrapped.ts', 'with serverless-http, payload 2.0', v2],
    ['wrapped.ts', 'with serverless-http, payload 1.0', v1],
    ['v2.ts', 'natively, payload 2.0', v2],
    ['v1.ts', 'natively, payload 1.0', v1],
  ])('protects %s %s', async (file, _, eventOf) => {
    const own = join(folder.path, 'lambda')
    mkdirSync(own, { recursive: true })
    writePage('lambda', own, server.issuer)
    const events: Record<string, string>[] = [
      {},
      asClient(await tokenFor()).headers,
      { Authorization: `Bearer ${await tokenFor('notes:read')}` },
    ]
    const script = `
      import { handler } from './${file}'
      for (const event of JSON.parse(process.env.EVENTS)) {
        const { statusCode, body } = await handler(event, {})
        console.log(statusCode, JSON.parse(body).username ?? JSON.parse(body).error.code)
      }`
    writeFileSync(join(own, 'invoke.ts'), script)
    const program = run(
      ['invoke.ts'],
      { EVENTS: JSON.stringify(events.map((headers) => eventOf(headers))) },
      own,
    )
    programs.push(program)
    await program.printed(/401 AUTHENTICATION_REQUIRED\n403 INSUFFICIENT_PERMISSIONS\n200 ada\n/)
  })
})

it('the README of the guard links every page, and nothing that does not exist', () => {
  const at = join(ROOT, 'packages/guard')
  const readme = readFileSync(join(at, 'README.md'), 'utf8')
  const linked = [...readme.matchAll(/\]\((\.\.\/[^)#]+)\)/g)].map(([, path = '']) => join(at, path))
  const pages = readdirSync(join(ROOT, 'docs/guides/guard')).map((name) =>
    join(ROOT, 'docs/guides/guard', name),
  )
  expect(pages.filter((page) => !linked.includes(page))).toEqual([])
  expect(linked.filter((path) => !existsSync(path))).toEqual([])
})

/** What the snippets of the README take for granted; a method is opened, which checks its options. */
const PRELUDE = `
  import * as library from '@latchkey/guard'
  import type { AcceptUpgrade, JwtOptions, LatchkeyOptions, Rule, SocketConnection } from '@latchkey/guard'
  import { createServer } from 'node:http'
  const { basic, createGuard, custom, problem, webSockets } = library
  const guard = createGuard({ methods: [custom(() => ({ userId: 'ada' }))] })
  const jwt = (options: JwtOptions) => createGuard({ methods: [library.jwt(options)] })
  const latchkey = (options: LatchkeyOptions) =>
    createGuard({ methods: [library.latchkey({ ...options, credential: 'lk', fetch: () => new Promise(() => {}) })] })
  const request = new Request('http://app.test/')
  const rule: Rule = {}
  const token = 'token'
  const error: unknown = problem('INVALID_TOKEN')
  const find = () => null
  const check = () => false
  const isTenant = (iss: string) => iss !== ''
  const server = createServer()
  const accept: AcceptUpgrade = (_request, socket) => void socket.destroy()
  const ws = { close: (_code: number) => {} }
  const connection: SocketConnection = { principal: null, recheck: async () => null }
`

const TYPES = `
  import type { Principal } from '@latchkey/guard'
  import type {} from 'fastify'
`

it('the snippets of the README type-check and run', async () => {
  const own = join(folder.path, 'readme')
  mkdirSync(own)
  const readme = readFileSync(join(ROOT, 'packages/guard/README.md'), 'utf8')
  const snippets = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)]
    .map(([, code = '']) => code)
    .filter((code) => !code.includes('import '))
  const files = snippets.map((code, at) => {
    const isTypes = code.startsWith('declare')
    const prelude = isTypes ? TYPES : PRELUDE
    writeFileSync(join(own, `${at}.ts`), `${prelude}${code}\nexport {}`)
    return `${at}.ts`
  })
  const program = [...files.map((file) => `import './${file}'`), "console.log('all ran')", 'process.exit()']
  writeFileSync(join(own, 'all.ts'), program.join('\n'))
  writeFileSync(join(own, 'tsconfig.json'), JSON.stringify({ extends: '../tsconfig.json', files }))
  expect(await typeErrors(own)).toBe('')
  const ran = run(['all.ts'], {}, own)
  programs.push(ran)
  await ran.printed(/all ran/)
})

async function typeErrors(project: string): Promise<string> {
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project]
  const { stdout } = await promisify(execFile)(process.execPath, tsc).catch((error) => error)
  return stdout
}

it('the code of all pages passes a strict type check', async () => {
  const pages = readdirSync(join(ROOT, 'docs/guides/guard')).map((name) => name.replace(/\.md$/, ''))
  // `next build` checks that page
  for (const page of pages.filter((name) => name !== 'nextjs')) {
    const own = join(folder.path, 'types', page)
    mkdirSync(own, { recursive: true })
    writePage(page, own, server.issuer)
  }
  writeFileSync(
    join(folder.path, 'types/ws/redis.ts'),
    `export declare const redis: {
      set(id: string, value: string, mode: 'EX', seconds: number): Promise<'OK' | null>
      getdel(id: string): Promise<string | null>
    }`,
  )
  const customers = 'export declare const isCustomer: (tenant: string) => Promise<boolean>'
  writeFileSync(join(folder.path, 'types/entra-id/customers.ts'), customers)
  const names = readdirSync(join(folder.path, 'types'), { recursive: true, encoding: 'utf8' })
  // the globals of Bun and Deno have types of these programs
  const files = names.filter((name) => name.endsWith('.ts') && !/(?:bun|deno)\.ts$/.test(name))
  const config = { extends: '../tsconfig.json', files }
  writeFileSync(join(folder.path, 'types/tsconfig.json'), JSON.stringify(config))
  expect(await typeErrors(join(folder.path, 'types'))).toBe('')
})
