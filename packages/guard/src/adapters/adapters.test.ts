/** The adapters, with the real frameworks over real sockets: each has the same behaviour. */
import { createHmac, randomBytes } from 'node:crypto'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiKey, basic, createGuard, currentPrincipal, custom, jwt, problem } from '../index.ts'
import { ADMIN, APPS, type HandlerReport, OPTIONAL } from '../testing/apps.ts'

const secret = randomBytes(32)
const KEY = 'a-long-and-random-key'
const guard = createGuard({
  methods: [
    jwt({ secret, issuer: 'me', audience: 'api' }),
    basic({
      find: (name) => (name === 'ada' ? { id: 'ada' } : null),
      check: (_, password) => password === 'pw',
    }),
    apiKey({ find: (key) => (key === KEY ? { id: 'robot', roles: ['robot'] } : null) }),
    custom(async (request) => {
      const signature = request.header('x-signature')
      if (signature === undefined) return null
      const expected = createHmac('sha256', secret)
        .update(await request.body())
        .digest('hex')
      if (signature !== expected) throw problem('INVALID_TOKEN')
      return { userId: 'signer' }
    }),
  ],
})
interface BoundedResponse {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  // the parsed body, loosely typed
  body: Partial<HandlerReport> & {
    error?: { code?: string; details?: { required?: unknown } }
    data?: unknown
    request_id?: string
  }
}

interface RequestOptions {
  method?: string
  headers?: Record<string, string | string[]>
  /** Chunks that are written one by one, without a Content-Length. */
  chunks?: string[]
  body?: string
}

describe.each(Object.keys(APPS))('with %s', (name) => {
  let server: Server
  let token: string

  const send = (
    path: string,
    { method = 'GET', headers = {}, chunks, body }: RequestOptions = {},
  ): Promise<BoundedResponse> =>
    new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo
      const length = body === undefined ? {} : { 'content-length': `${Buffer.byteLength(body)}` }
      const asked = httpRequest(
        { port, host: '127.0.0.1', path, method, headers: { ...headers, ...length } },
        (res) => {
          const parts: Buffer[] = []
          res.on('data', (part: Buffer) => parts.push(part))
          res.on('end', () => {
            const text = Buffer.concat(parts).toString()
            resolve({
              status: res.statusCode ?? 0,
              headers: res.headers,
              text,
              body: text.startsWith('{') ? JSON.parse(text) : {},
            })
          })
        },
      )
      asked.on('error', reject)
      void (async () => {
        for (const chunk of chunks ?? []) {
          asked.write(chunk)
          await new Promise((next) => setTimeout(next, 5))
        }
        asked.end(body)
      })()
    })
  const bearer = (more: Record<string, string> = {}) => ({ authorization: `Bearer ${token}`, ...more })

  beforeAll(async () => {
    server = await (APPS[name] as (typeof APPS)[string])(guard)
    token = await new SignJWT({ roles: ['reader'], permissions: ['things:read'] })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject('ada')
      .setIssuer('me')
      .setAudience('api')
      .setExpirationTime('1h')
      .sign(secret)
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it('has the principal, before and after await, in every place', async () => {
    for (const path of ['/', '/mounted/deep', '/?page=2']) {
      const { status, body } = await send(path, { headers: bearer() })
      expect([path, status]).toEqual([path, 200])
      expect(body).toMatchObject({ now: 'ada', later: 'ada', request: 'ada', own: 'ada' })
    }
  })

  it('keeps a hundred concurrent callers apart', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        i % 2 ? send('/', { headers: { 'x-api-key': KEY } }) : send('/', { headers: bearer() }),
      ),
    )
    for (const [i, { body }] of answers.entries()) {
      const id = i % 2 ? 'robot' : 'ada'
      expect(body).toMatchObject({ now: id, later: id, request: id, own: id })
    }
  })

  it('refuses a missing credential with 401, every scheme, and an envelope', async () => {
    const { status, headers, body } = await send('/', { headers: { 'x-request-id': 'mine-1' } })
    expect([status, body.error?.code, body.request_id, headers['x-request-id']]).toEqual([
      401,
      'AUTHENTICATION_REQUIRED',
      'mine-1',
      'mine-1',
    ])
    expect(headers['www-authenticate']).toBe(
      'Bearer realm="latchkey", Basic realm="latchkey", charset="UTF-8", Api-Key realm="latchkey", custom realm="latchkey"',
    )
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
    expect([headers['cache-control'], headers['x-content-type-options']]).toEqual(['no-store', 'nosniff'])
  })

  it('refuses missing permissions with 403', async () => {
    const { status, body } = await send('/admin', { headers: bearer() })
    expect([status, body.error?.code, body.error?.details?.required]).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
      ['admin'],
    ])
  })

  it('allows a missing credential where it is optional, but not an invalid one', async () => {
    expect(await send('/optional')).toMatchObject({
      status: 200,
      body: { now: null, later: null, own: null },
    })
    expect((await send('/optional', { headers: bearer() })).body.now).toBe('ada')
    for (const authorization of [`Bearer ${token}x`, 'Bearer', 'Digest x', '', 'Basic YWRhOndyb25n'])
      expect([authorization, (await send('/optional', { headers: { authorization } })).status]).toEqual([
        authorization,
        401,
      ])
  })

  it('applies the rule of the method; HEAD as GET, others are refused', async () => {
    const statuses: Record<string, number> = {}
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE'])
      statuses[method] = (await send('/methods', { method, headers: bearer() })).status
    expect(statuses).toEqual({ GET: 200, HEAD: 200, POST: 403, DELETE: 403 })
    const override = await send('/methods', {
      method: 'POST',
      headers: bearer({ 'x-http-method-override': 'GET' }),
    })
    expect(override.status).toBe(403)
  })

  it('refuses several Authorization fields, and two different credentials', async () => {
    const twice = { authorization: [`Bearer ${token}`, `Bearer ${token}`] }
    expect(await send('/', { headers: twice })).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST' } },
    })
    expect((await send('/', { headers: bearer({ 'x-api-key': KEY }) })).status).toBe(400)
    expect((await send('/', { headers: { 'x-api-key': KEY, authorization: `Api-Key ${KEY}` } })).status).toBe(
      200,
    )
  })

  const json = { 'content-type': 'application/json' }
  const signed = (text: string) => ({
    ...json,
    'x-signature': createHmac('sha256', secret).update(text).digest('hex'),
  })

  it('gives the raw body to a method, and to the handler', async () => {
    const text = JSON.stringify({ hello: 'wörld' })
    const whole = await send('/signed', { method: 'POST', headers: signed(text), body: text })
    expect([whole.status, whole.body.now, whole.body.body]).toEqual([200, 'signer', { hello: 'wörld' }])
    const chunks = [text.slice(0, 4), text.slice(4, 9), text.slice(9)]
    const pieces = await send('/signed', { method: 'POST', headers: signed(text), chunks })
    expect([pieces.status, pieces.body.now, pieces.body.body]).toEqual([200, 'signer', { hello: 'wörld' }])
    const big = JSON.stringify({ filler: 'x'.repeat(500_000) })
    const large = await send('/signed', { method: 'POST', headers: signed(big), body: big, ...json })
    // express.json() has a default limit of 100 kB
    expect(large.status).toBe(name === 'express' ? 413 : 200)
  })

  it('refuses a body that was changed', async () => {
    const response = await send('/signed', {
      method: 'POST',
      headers: signed('{"amount":1}'),
      body: '{"amount":9}',
    })
    expect([response.status, response.body.error?.code]).toEqual([401, 'INVALID_TOKEN'])
  })

  it('refuses a body above 1 MiB', async () => {
    const text = 'x'.repeat(1_100_000)
    const response = await send('/signed', { method: 'POST', headers: signed(text), body: text }).catch(
      () => null,
    )
    // the connection may be closed before everything was sent
    if (response) expect([response.status, response.body.error?.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })

  it('answers a login with basic user information', async () => {
    const authorization = `Basic ${Buffer.from('ada:pw').toString('base64')}`
    const { status, headers, body } = await send('/auth/login', {
      method: 'POST',
      headers: { authorization },
    })
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    expect(body.data).toEqual({
      user: { id: 'ada', username: null, role: null, roles: [], permissions: [] },
      method: 'basic',
    })
    const keyed = await send('/auth/login', { method: 'POST', headers: { authorization: `Api-Key ${KEY}` } })
    expect(keyed.body.data).toMatchObject({ user: { id: 'robot', roles: ['robot'] }, method: 'api_key' })
    expect((await send('/auth/login', { method: 'POST' })).status).toBe(401)
  })
})

describe("Fastify's inject, as apps test themselves", () => {
  it('is checked like a real request', async () => {
    const app = fastify()
    app.get('/', { onRequest: guard.fastify() }, async () => ({ id: currentPrincipal()?.userId }))
    app.post('/', { onRequest: guard.fastify() }, async (request) => ({ body: request.body }))
    const send = (headers: Record<string, string>) => app.inject({ url: '/', headers })
    expect((await send({})).statusCode).toBe(401)
    expect((await send({ 'X-API-Key': KEY })).json()).toEqual({ id: 'robot' })
    expect((await send({ 'x-api-key': `${KEY}x` })).statusCode).toBe(401)
    const payload = '{"a":1}'
    const headers = {
      'content-type': 'application/json',
      'x-signature': createHmac('sha256', secret).update(payload).digest('hex'),
    }
    expect((await app.inject({ method: 'POST', url: '/', headers, payload })).json()).toEqual({
      body: { a: 1 },
    })
  })

  it('has the raw body after the parser only where the parser kept it', async () => {
    const faults: unknown[] = []
    const late = createGuard({
      methods: [custom(async (request) => ({ userId: `${(await request.body()).length}` }))],
      onProblem: (fault) => void faults.push(fault.cause),
    })
    const app = fastify()
    app.post('/', { preHandler: late.fastify() }, async () => ({ id: currentPrincipal()?.userId }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`
    const response = await fetch(url, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    expect(response.status).toBe(500)
    expect(String(faults[0])).toMatch(/put the guard before the body parser/)
    await app.close()
  })
})

describe('authenticate', () => {
  it('checks a Node or a web request without answering it', async () => {
    const good = new Request('http://app.test/', { headers: { 'x-api-key': KEY } })
    expect((await guard.authenticate(good))?.userId).toBe('robot')
    await expect(guard.authenticate(good, ADMIN)).rejects.toMatchObject({ status: 403 })
    expect(await guard.authenticate(new Request('http://app.test/'), OPTIONAL)).toBeNull()
    const server = createServer()
    const upgraded = new Promise((resolve) =>
      server.on('upgrade', (req, socket) => {
        resolve(guard.authenticate(req))
        socket.destroy()
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    httpRequest({ port, headers: { connection: 'upgrade', upgrade: 'websocket', 'x-api-key': KEY } })
      .on('error', () => {})
      .end()
    expect(await upgraded).toMatchObject({ userId: 'robot' })
    server.close()
  })

  it('sets no current principal', () => {
    expect(currentPrincipal()).toBeNull()
  })
})
