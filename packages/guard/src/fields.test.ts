/** Header fields, as a middleware or a serverless adapter leaves them, and CORS before the guard. */
import { createServer, IncomingMessage } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import fastify from 'fastify'
import { Hono } from 'hono'
import { cors as honoCors } from 'hono/cors'
import { describe, expect, it } from 'vitest'
import { apiKey, basic, createGuard, currentPrincipal, type Problem } from './index.ts'
import { NodeRequest } from './request.ts'

const problems: Problem[] = []
const guard = createGuard({
  methods: [
    apiKey({ find: (key) => (key === 'key' ? { id: 'robot' } : null) }),
    basic({ find: () => ({ id: 'ada' }), check: (_, password) => password === 'pw' }),
  ],
  onProblem: (problem) => void problems.push(problem),
})

type Fields = Record<string, string | string[] | undefined>
function incoming(headers: Fields, rawHeaders: string[] = []): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/', headers, rawHeaders })
}
const statusOf = (headers: Fields, rawHeaders?: string[]): Promise<number> =>
  guard.authenticate(incoming(headers, rawHeaders)).then(
    () => 200,
    ({ status }: Problem) => status,
  )
const BASIC = `Basic ${Buffer.from('ada:pw').toString('base64')}`

describe('header fields', () => {
  it('are those of `headers`, which serverless adapters fill without raw fields', async () => {
    expect(await statusOf({ 'x-api-key': 'key' })).toBe(200)
    expect(await statusOf({ authorization: BASIC })).toBe(200)
  })

  it('that a middleware sets are read, and those that it deletes are not', async () => {
    expect(await statusOf({ authorization: BASIC }, ['Host', 'app.test'])).toBe(200)
    expect(await statusOf({}, ['Authorization', BASIC])).toBe(401)
    expect(await statusOf({ authorization: undefined }, ['Authorization', BASIC])).toBe(401)
    expect(await statusOf({ authorization: 'Basic x' }, ['Authorization', BASIC])).toBe(400)
  })

  it('of a real request are the same from the received fields and from `headers`, as other runtimes are read', async () => {
    const sent: [string, string][] = [
      ['Host', 'app.test'],
      ['AUTHORIZATION', BASIC],
      ['X-Api-Key', 'one'],
      ['x-api-key', 'two'],
      ['Cookie', 'a=1'],
      ['cookie', 'b=2; a=3'],
      ['Origin', 'https://app.test'],
      ['X-Empty', ''],
      ['X-Padded', '  padded  '],
      ['X-Latin', 'caf\u00e9'],
    ]
    const names = [...new Set(sent.map(([name]) => name.toLowerCase())), 'x-absent']
    const fields = (request: IncomingMessage) =>
      names.map((name) => [name, new NodeRequest(request, request).header(name)])
    const compared = new Promise<unknown[]>((resolve) => {
      const app = createServer((request, response) => {
        // a request whose `headers` are its own property is read as one without the symbol
        const received = fields(request)
        const copy = Object.assign(Object.create(request) as IncomingMessage, {})
        Object.defineProperty(copy, 'headers', { value: request.headers })
        resolve([received, fields(copy), fields(request)])
        response.end()
        app.close()
      }).listen(0, '127.0.0.1', () => {
        const socket = connect((app.address() as AddressInfo).port, '127.0.0.1')
        const lines = sent.map(([name, value]) => `${name}: ${value}\r\n`)
        socket.end(Buffer.from(`GET / HTTP/1.1\r\nConnection: close\r\n${lines.join('')}\r\n`, 'latin1'))
        socket.resume()
      })
    })
    const [received, withoutSymbol, touched] = (await compared) as [unknown[], unknown[], unknown[]]
    expect(received).toContainEqual(['cookie', 'a=1; b=2; a=3'])
    expect(received).toContainEqual(['x-api-key', 'one, two'])
    expect([withoutSymbol, touched]).toEqual([received, received])
  })

  it('of a real request are read before and after a middleware has touched them', async () => {
    const statuses: number[] = []
    const changes: ((req: IncomingMessage) => void)[] = [
      () => {},
      (req) => void req.headers.host,
      (req) => void delete req.headers['x-api-key'],
      (req) => void Object.assign(req.headers, { 'x-api-key': 'other' }),
      (req) => void Object.assign(req, { headers: {} }),
      (req) => void Object.defineProperty(req, 'headers', { value: { 'x-api-key': 'other' } }),
    ]
    const app = createServer((req, res) => {
      changes[Number(req.url?.slice(1))]?.(req)
      guard.node((_req, answer) => answer.end())(req, res)
    })
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}/`
    for (const i of changes.keys())
      statuses.push((await fetch(`${url}${i}`, { headers: { 'X-API-Key': 'key' } })).status)
    expect(statuses).toEqual([200, 200, 401, 401, 401, 401])
    app.closeAllConnections()
    app.close()
  })

  it.each<[string, Fields, string[]]>([
    ['in the raw fields', { authorization: BASIC }, ['Authorization', BASIC, 'authorization', BASIC]],
    ['as a list', { authorization: [BASIC, BASIC] }, []],
    ['joined by a gateway', { authorization: `${BASIC},${BASIC}` }, []],
    ['joined with another scheme', { authorization: `${BASIC}, Bearer x` }, []],
    ['of an API key', { 'x-api-key': 'key, key' }, ['X-API-Key', 'key', 'X-Api-Key', 'key']],
    ['of an API key, joined', { 'x-api-key': 'key,key' }, []],
  ])('that are repeated are refused: %s', async (_name, headers, raw) => {
    expect(await statusOf(headers, raw)).toBe(400)
  })

  it('with other contents than text count as absent', () => {
    const request = new NodeRequest(
      incoming({ 'x-n': 7 as never, 'x-o': { a: 1 } as never, 'x-l': ['a', 'b'] }),
      null,
    )
    expect([request.header('x-n'), request.header('x-o'), request.header('x-l')]).toEqual([
      undefined,
      undefined,
      'a, b',
    ])
    expect([request.header('constructor'), request.header('__proto__')]).toEqual([undefined, undefined])
    expect(new NodeRequest(incoming({ cookie: ['a=1', 'b=2'] as never }), null).header('cookie')).toBe(
      'a=1; b=2',
    )
  })
})

describe('a CORS preflight', () => {
  const preflight = { origin: 'https://app.example', 'access-control-request-method': 'PUT' }

  it('is refused by the guard, which tells the operator what to register first', async () => {
    problems.length = 0
    const request = new Request('http://app.test/', { method: 'OPTIONS', headers: preflight })
    let isRun = false
    const handler = guard.web(() => {
      isRun = true
      return new Response('secret')
    })
    expect([(await handler(request)).status, isRun]).toEqual([401, false])
    expect(problems[0]?.reason).toMatch(/register the handling of CORS before the guard/)
    // without a preflight's field, it is a request like any other
    await handler(new Request('http://app.test/', { method: 'OPTIONS' }))
    expect(problems[1]?.reason).toBeUndefined()
  })

  it('reaches the handling of CORS that is registered before the guard, in Fastify', async () => {
    const app = fastify()
    app.addHook('onRequest', async (request, reply) => {
      reply.header('access-control-allow-origin', 'https://app.example')
      if (request.method === 'OPTIONS') await reply.code(204).send()
    })
    await app.register(guard.fastifyPlugin())
    app.put('/', async () => ({ id: currentPrincipal()?.userId }))
    app.options('/', async () => null)
    const asked = await app.inject({ method: 'OPTIONS', url: '/', headers: preflight })
    expect([asked.statusCode, asked.headers['access-control-allow-origin']]).toEqual([
      204,
      'https://app.example',
    ])
    expect((await app.inject({ method: 'PUT', url: '/' })).statusCode).toBe(401)
    const sent = await app.inject({
      method: 'PUT',
      url: '/',
      headers: { origin: 'https://app.example', 'x-api-key': 'key' },
    })
    expect([sent.statusCode, sent.headers['access-control-allow-origin']]).toEqual([
      200,
      'https://app.example',
    ])
  })

  it('reaches the handling of CORS that is registered before the guard, in Hono', async () => {
    const app = new Hono()
    app.use(honoCors({ origin: 'https://app.example' }))
    app.use(guard.hono())
    app.put('/', (c) => c.text('ok'))
    const asked = await app.request('/', { method: 'OPTIONS', headers: preflight })
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://app.example',
    ])
    expect((await app.request('/', { method: 'PUT' })).status).toBe(401)
  })
})
