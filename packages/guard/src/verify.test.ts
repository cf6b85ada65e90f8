/**
 * `guard.verify`, for a token that did not arrive in a header field, and `guard.answer`, for a framework without an
 * adapter.
 */

import { randomBytes } from 'node:crypto'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { SignJWT } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import {
  apiKey,
  createGuard,
  currentPrincipal,
  custom,
  jwt,
  type Problem,
  problem,
  type RequestLike,
} from './index.ts'

const secret = randomBytes(32)
const seen: (string | undefined)[] = []
const reasons: (string | undefined)[] = []
const guard = createGuard({
  methods: [
    jwt({ secret, issuer: 'me', audience: 'api' }),
    apiKey({ find: () => ({ id: 'robot' }) }),
    custom((request) => {
      seen.push(request.header('authorization'))
      return null
    }),
  ],
  onProblem: ({ reason }) => void reasons.push(reason),
})
const tokenOf = (claims: Record<string, unknown> = {}, lifetime: string | number = '1h') =>
  new SignJWT({ iss: 'me', aud: 'api', sub: 'ada', permissions: ['notes:read'], ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(lifetime)
    .sign(secret)

function incoming(headers: Record<string, string>, more: object = {}): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  return Object.assign(request, { method: 'GET', url: '/socket', headers, ...more })
}

/** The same request, as each framework hands it out. */
const FORMS: Record<string, (headers: Record<string, string>) => RequestLike> = {
  'node:http and Express': (headers) => incoming(headers),
  'a web Request': (headers) => new Request('http://app.test/socket', { headers }),
  Fastify: (headers) => ({ raw: incoming(headers), headers }),
  Koa: (headers) => ({ req: incoming(headers), headers, method: 'GET', url: '/socket' }),
  Hono: (headers) => ({ req: { raw: new Request('http://app.test/socket', { headers }) } }),
}

describe('verify', () => {
  it('returns the principal of a token, without a request and with one of any framework', async () => {
    const token = await tokenOf()
    expect(await guard.verify(token)).toMatchObject({ userId: 'ada', method: 'jwt' })
    for (const [name, form] of Object.entries(FORMS))
      expect([name, (await guard.verify(token, form({}))).userId]).toEqual([name, 'ada'])
    expect(currentPrincipal()).toBeNull()
  })

  it.each<[string, () => unknown, string]>([
    ['no token', () => '', 'AUTHENTICATION_REQUIRED'],
    ['undefined', () => undefined, 'AUTHENTICATION_REQUIRED'],
    ['an object', () => ({ token: 'x' }), 'AUTHENTICATION_REQUIRED'],
    ['a word', () => 'x', 'INVALID_TOKEN'],
    ['two words', () => 'x y', 'INVALID_TOKEN'],
    ['an expired one', () => tokenOf({}, Math.floor(Date.now() / 1000) - 100), 'TOKEN_EXPIRED'],
    ['one for another audience', () => tokenOf({ aud: 'other' }), 'INVALID_TOKEN'],
    ['an API key, which is no bearer token here', () => 'key', 'INVALID_TOKEN'],
    ['a scheme and a token', async () => `Bearer ${await tokenOf()}`, 'INVALID_TOKEN'],
  ])('throws a problem with a code for %s', async (_name, make, code) => {
    const token = (await make()) as string
    await expect(guard.verify(token)).rejects.toMatchObject({ name: 'Problem', code, status: 401 })
    await expect(guard.verify(token, null, { optional: true })).rejects.toMatchObject({ code })
  })

  it('reads no other credential of the request', async () => {
    const request = incoming({ 'x-api-key': 'key', authorization: 'Basic x', cookie: 'sid=1' })
    expect((await guard.verify(await tokenOf(), request)).userId).toBe('ada')
    await expect(guard.verify('x', request)).rejects.toMatchObject({ code: 'INVALID_TOKEN' })
  })

  it('shows no other credential to a custom method: neither fields, nor query, body and native request', async () => {
    const fields = {
      cookie: 'sid=ada',
      'x-api-key': 'key',
      'x-legacy-token': 'ada',
      origin: 'https://app.test',
    }
    const strict = createGuard({
      methods: [
        apiKey({ find: () => null }),
        custom(async (request) => {
          const shown = Object.keys(fields).filter((name) => request.header(name) !== undefined)
          const rest = [
            request.url.includes('ada'),
            (await request.body()).length > 0,
            request.native !== null,
          ]
          return shown.length > 0 || rest.includes(true) ? { userId: 'ada' } : null
        }),
      ],
    })
    for (const [name, form] of Object.entries(FORMS))
      expect([name, await strict.verify('wrong', form(fields)).catch(({ code }) => code)]).toEqual([
        name,
        'INVALID_TOKEN',
      ])
    const rich = incoming(fields, { url: '/socket?sid=ada', rawBody: 'sid=ada' })
    await expect(strict.verify('wrong', rich)).rejects.toMatchObject({ code: 'INVALID_TOKEN' })
  })

  it('checks a rule, by the method of the request', async () => {
    const token = await tokenOf()
    const rule = { methods: { GET: { permissions: 'notes:read' }, POST: { permissions: 'notes:write' } } }
    expect((await guard.verify(token, null, rule)).userId).toBe('ada')
    await expect(guard.verify(token, incoming({}, { method: 'POST' }), rule)).rejects.toMatchObject({
      status: 403,
      details: { required: 'notes:write' },
    })
    await expect(guard.verify(token, null, { role: 'x' } as never)).rejects.toThrow(TypeError)
  })

  it('shows the token to custom methods as if it had arrived as Authorization', async () => {
    seen.length = 0
    await guard.verify('something', incoming({ authorization: 'Basic x' })).catch(() => {})
    expect(seen).toEqual(['Bearer something'])
  })
})

describe('answer', () => {
  const refusal: Problem = problem('INSUFFICIENT_PERMISSIONS', {
    details: { required: 'a:b' },
    reason: 'the log',
  })

  it('has the status, the header fields and the body of a refusal', () => {
    for (const [name, form] of Object.entries(FORMS)) {
      const { status, headers, body } = guard.answer(refusal, form({ 'x-request-id': 'mine-1' }))
      expect([name, status, headers['x-request-id'], headers['cache-control']]).toEqual([
        name,
        403,
        'mine-1',
        'no-store',
      ])
      expect(JSON.parse(body)).toMatchObject({
        success: false,
        code: 403,
        error: { code: 'INSUFFICIENT_PERMISSIONS', details: { required: 'a:b' } },
        request_id: 'mine-1',
      })
    }
  })

  it('is in the style that the request accepts, and needs no request', () => {
    const wanted = incoming({ accept: 'application/problem+json' })
    expect(guard.answer(refusal, wanted).headers['content-type']).toBe('application/problem+json')
    const { status, headers } = guard.answer(problem('AUTHENTICATION_REQUIRED'))
    expect([status, headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="latchkey", Api-Key realm="latchkey", custom realm="latchkey"',
    ])
  })

  it('reports the problem to the log, with the reason that the caller does not see', () => {
    reasons.length = 0
    expect(guard.answer(refusal).body).not.toContain('the log')
    expect(reasons).toEqual(['the log'])
  })

  it('is a 500 without details for anything else that was thrown', () => {
    for (const thrown of [new Error('at 10.0.0.7'), 'text', null, undefined, { status: 200 }]) {
      const { status, body } = guard.answer(thrown)
      expect([status, JSON.parse(body).error.code, body.includes('10.0.0.7')]).toEqual([
        500,
        'INTERNAL_ERROR',
        false,
      ])
    }
  })

  it('can be written as a Response', () => {
    const { status, headers, body } = guard.answer(refusal)
    const response = new Response(body, { status, headers })
    expect([response.status, response.headers.get('content-type')]).toEqual([
      403,
      'application/json; charset=utf-8',
    ])
  })
})

describe('a request that is none', () => {
  it.each([{}, 'x', 7, { headers: null }, { raw: {} }])('is a TypeError: %j', async (native) => {
    await expect(guard.authenticate(native as never)).rejects.toThrow(TypeError)
  })
})

describe('swapped arguments', () => {
  it('fail when the handler is made', () => {
    const handler = vi.fn()
    expect(() => guard.node({ roles: ['a'] } as never, handler as never)).toThrow(/comes first/)
    expect(() => guard.web({ roles: ['a'] } as never, handler as never)).toThrow(/comes first/)
    expect(() => guard.node(handler, handler as never)).toThrow(TypeError)
    expect(() => guard.express(handler as never)).toThrow(TypeError)
    for (const rule of ['admin', ['admin'], 7, null])
      expect(() => guard.express(rule as never)).toThrow(TypeError)
    expect(handler).not.toHaveBeenCalled()
  })
})
