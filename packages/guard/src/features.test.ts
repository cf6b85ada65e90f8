/**
 * The guard against its feature table (PRODUCT.md §8): one row for each promise, with the test that proves it here in
 * short. The other files of this folder test each of them in depth.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  apiKey,
  basic,
  createGuard,
  currentPrincipal,
  custom,
  type Guard,
  jwt,
  latchkey,
  type MethodPlan,
  problem,
  type Rule,
  type Style,
  session,
} from './index.ts'
import { APPS } from './testing/apps.ts'
import { type Counterpart, opaqueOf, startCounterpart } from './testing/counterpart.ts'
import { probe } from './testing/probe.ts'
import { until } from './testing/waiting.ts'

let server: Counterpart
const guards: Guard[] = []
beforeAll(async () => {
  server = await startCounterpart()
})
afterAll(async () => {
  for (const guard of guards) guard.close()
  await server.close()
})

const secret = randomBytes(32)
const tokenOf = (claims: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ iss: 'me', aud: 'api', sub: 'ada', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(secret)
const basically = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const people = [{ email: 'ada@example.com', id: 'ada', password: 'pw', roles: ['clerk', 'admin'] }]
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const METHODS = {
  jwt: jwt({ secret, issuer: 'me', audience: 'api' }),
  basic: basic({
    find: (email) => people.find((one) => one.email === email),
    check: (one, password) => one?.password === password,
  }),
  apiKey: apiKey({ find: (key) => (key === 'key' ? { id: 'robot' } : null) }),
  session: session({ cookie: 'sid', find: (token) => (token === 'good' ? { id: 'browser' } : null) }),
  custom: custom((request) => {
    const who = request.header('x-signed-by')
    return who === undefined ? null : { userId: who }
  }),
}
const live = async () => {
  const consumer = probe({
    methods: [latchkey({ issuer: server.issuer, credential: server.guardCredential })],
  })
  guards.push(consumer.guard)
  await until(() => consumer.guard.state() === 'connected')
  return consumer
}
const statusWith = async (method: MethodPlan, headers: Record<string, string>, rule: Rule = {}) =>
  (await probe({ methods: [method] }).send(headers, { rule })).status

/** Promise → proof. */
const TABLE: Record<string, () => Promise<void>> = {
  'several methods, tried in order': async () => {
    const consumer = probe({ methods: Object.values(METHODS) })
    const who = async (headers: Record<string, string>) => (await consumer.send(headers)).principal?.userId
    expect(await who({ authorization: `Bearer ${await tokenOf()}` })).toBe('ada')
    expect(await who(basically('ada@example.com:pw'))).toBe('ada')
    expect(await who({ 'x-api-key': 'key' })).toBe('robot')
    expect(await who({ cookie: 'sid=good' })).toBe('browser')
    expect(await who({ 'x-signed-by': 'signer' })).toBe('signer')
  },
  'latchkey: tokens offline against the JWKS': async () => {
    const consumer = await live()
    const before = server.count['/api/v1/auth/validate'] ?? 0
    expect((await consumer.bearer(await server.token())).status).toBe(200)
    expect(server.count['/api/v1/auth/validate'] ?? 0).toBe(before)
  },
  'latchkey: keys and opaque tokens by the server': async () => {
    const consumer = await live()
    expect((await consumer.send({ 'x-api-key': opaqueOf(server, 'api_key') })).principal?.keyId).toBe('key_1')
    expect((await consumer.bearer(opaqueOf(server, 'session'))).principal?.sessionId).toBe('ses_1')
  },
  'latchkey: revocations pushed': async () => {
    const consumer = await live()
    const token = await server.token({ jti: 'tok_pushed' })
    expect((await consumer.bearer(token)).status).toBe(200)
    server.revoke({ kind: 'jti', value: 'tok_pushed' })
    await until(async () => (await consumer.bearer(token)).status === 401)
  },
  'latchkey: the session cookie, with CSRF': async () => {
    const consumer = await live()
    const cookie = `lk_session=${opaqueOf(server, 'session')}`
    expect((await consumer.send({ cookie })).status).toBe(200)
    expect((await consumer.send({ cookie }, { method: 'POST' })).code).toBe('CSRF_FAILED')
    const headers = { cookie, 'x-csrf-token': server.csrfToken }
    expect((await consumer.send(headers, { method: 'POST' })).status).toBe(200)
  },
  'jwt: own secret; issuer, audience, allowed algorithms': async () => {
    const bearer = async (claims: Record<string, unknown>) => ({
      authorization: `Bearer ${await tokenOf(claims)}`,
    })
    expect(await statusWith(METHODS.jwt, await bearer({}))).toBe(200)
    expect(await statusWith(METHODS.jwt, await bearer({ iss: 'you' }))).toBe(401)
    expect(await statusWith(METHODS.jwt, await bearer({ aud: 'other' }))).toBe(401)
    const hs512 = jwt({ secret: randomBytes(64), issuer: 'me', audience: 'api', algorithms: ['HS512'] })
    expect(await statusWith(hs512, await bearer({}))).toBe(401)
  },
  'jwt: a public key, and a key set by URL': async () => {
    const [key] = server.keys
    if (key === undefined) throw new Error('the server has no key')
    const trusted = { issuer: server.issuer, audience: server.issuer }
    const headers = { authorization: `Bearer ${await server.token()}` }
    expect(await statusWith(jwt({ publicKey: key.jwk, ...trusted }), headers)).toBe(200)
    const jwks = `${server.issuer}/.well-known/jwks.json`
    expect(await statusWith(jwt({ jwks, ...trusted }), headers)).toBe(200)
  },
  'basic: your look-up field and check': async () => {
    expect(await statusWith(METHODS.basic, basically('ada@example.com:pw'))).toBe(200)
    expect(await statusWith(METHODS.basic, basically('ada@example.com:px'))).toBe(401)
    expect(await statusWith(METHODS.basic, basically('bob@example.com:pw'))).toBe(401)
  },
  'apiKey: your look-up; header, Authorization: Api-Key': async () => {
    for (const headers of [{ 'x-api-key': 'key' }, { authorization: 'Api-Key key' }])
      expect(await statusWith(METHODS.apiKey, headers)).toBe(200)
    expect(await statusWith(METHODS.apiKey, { 'x-api-key': 'other' })).toBe(401)
  },
  'apiKey: a stored hash field': async () => {
    const stored = apiKey({ storedHashField: 'key_hash', find: [{ id: 'robot', key_hash: sha256('key') }] })
    expect(await statusWith(stored, { 'x-api-key': 'key' })).toBe(200)
    expect(await statusWith(stored, { 'x-api-key': sha256('key') })).toBe(401)
  },
  'apiKey: the query only if switched on': async () => {
    const find = (key: string) => (key === 'key' ? { id: 'robot' } : null)
    const url = '/?api_key=key'
    expect((await probe({ methods: [apiKey({ find })] }).send({}, { url })).status).toBe(401)
    expect((await probe({ methods: [apiKey({ find, query: 'api_key' })] }).send({}, { url })).status).toBe(
      200,
    )
  },
  'session: a cookie, unsafe methods from the same origin': async () => {
    const consumer = probe({ methods: [METHODS.session] })
    expect((await consumer.send({ cookie: 'sid=good' })).status).toBe(200)
    const foreign = { cookie: 'sid=good', 'sec-fetch-site': 'cross-site' }
    expect((await consumer.send(foreign, { method: 'POST' })).code).toBe('CSRF_FAILED')
  },
  'custom: any callable': async () => {
    expect(await statusWith(METHODS.custom, { 'x-signed-by': 'me' })).toBe(200)
    const refusing = custom(() => {
      throw problem('ACCOUNT_LOCKED')
    })
    expect(await statusWith(refusing, {})).toBe(423)
  },
  'callbacks: asynchronous, awaited': async () => {
    const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 1))
    const slow = apiKey({ find: (key) => later({ key }), principal: ({ key }) => later({ userId: key }) })
    const { principal } = await probe({ methods: [slow] }).send({ 'x-api-key': 'key' })
    expect(principal?.userId).toBe('key')
  },
  'callbacks: a throw, null, and a principal without an id are refusals': async () => {
    const answers: (() => unknown)[] = [
      () => Promise.reject(new Error('no')),
      () => null,
      () => ({}),
      async () => ({}),
    ]
    for (const principal of answers) {
      const method = jwt({ secret, issuer: 'me', audience: 'api', principal: principal as never })
      expect(await statusWith(method, { authorization: `Bearer ${await tokenOf()}` })).toBe(401)
    }
  },
  'callbacks: a string where a list belongs is an error': async () => {
    const method = jwt({
      secret,
      issuer: 'me',
      audience: 'api',
      principal: (claims) => ({ userId: 'ada', permissions: claims.scope as never }),
    })
    const headers = { authorization: `Bearer ${await tokenOf({ scope: 'orders:* profile' })}` }
    expect(await statusWith(method, headers)).toBe(401)
  },
  'roles: all of, or any of': async () => {
    const may = (rule: Rule) => statusWith(METHODS.basic, basically('ada@example.com:pw'), rule)
    expect(await may({ roles: ['clerk', 'admin'] })).toBe(200)
    expect(await may({ roles: ['clerk', 'owner'] })).toBe(403)
    expect(await may({ roles: { anyOf: ['owner', 'admin'] } })).toBe(200)
    expect(await may({ roles: { anyOf: ['owner'] } })).toBe(403)
  },
  'permissions, and scopes of any form': async () => {
    const claims = { permissions: ['invoices:*'], scp: ['Files.Read'] }
    const headers = { authorization: `Bearer ${await tokenOf(claims)}` }
    const may = (rule: Rule) => statusWith(METHODS.jwt, headers, rule)
    expect(await may({ permissions: 'invoices:read', scopes: 'Files.Read' })).toBe(200)
    expect(await may({ permissions: 'users:read' })).toBe(403)
    expect(await may({ scopes: 'Files.Write' })).toBe(403)
  },
  'a map by HTTP method': async () => {
    const rule: Rule = { methods: { GET: {}, POST: { roles: ['owner'] } } }
    const consumer = probe({ methods: [METHODS.basic] })
    const status = async (method: string) =>
      (await consumer.send(basically('ada@example.com:pw'), { method, rule })).status
    expect([await status('GET'), await status('HEAD'), await status('POST'), await status('PUT')]).toEqual([
      200, 200, 403, 403,
    ])
  },
  'the current principal is at hand anywhere in the request': async () => {
    const guard = createGuard({ methods: [METHODS.apiKey] })
    const handler = guard.web(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return new Response(currentPrincipal()?.userId)
    })
    const response = await handler(new Request('http://app.test/', { headers: { 'x-api-key': 'key' } }))
    expect(await response.text()).toBe('robot')
    expect(currentPrincipal()).toBeNull()
  },
  'Express, Fastify, Hono, Koa, node:http and web Request': async () => {
    const guard = createGuard({ methods: [METHODS.apiKey], onProblem: () => {} })
    const statuses: Record<string, number[]> = {}
    for (const [name, start] of Object.entries(APPS)) {
      const app = await start(guard)
      const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}/`
      const [right, none] = [await fetch(url, { headers: { 'x-api-key': 'key' } }), await fetch(url)]
      statuses[name] = [right.status, none.status]
      app.closeAllConnections()
      app.close()
    }
    const each = [200, 401]
    expect(statuses).toEqual({
      express: each,
      fastify: each,
      hono: each,
      koa: each,
      'node:http': each,
      'web Request': each,
    })
  },
  'frameworks without an adapter: verify and answer': async () => {
    const guard = createGuard({ methods: [METHODS.jwt], onProblem: () => {} })
    expect((await guard.verify(await tokenOf())).userId).toBe('ada')
    const refused = await guard.verify('x').catch((error: unknown) => guard.answer(error))
    expect(refused).toMatchObject({ status: 401, headers: { 'cache-control': 'no-store' } })
  },
  'failures in any envelope style': async () => {
    const members: Record<Style, string[]> = {
      standard: ['success', 'code', 'message', 'error', 'request_id', 'version', 'metadata'],
      meta: ['version', 'success', 'code', 'message', 'request_id', 'error'],
      errors: ['errors', 'status_code', 'value'],
      detail: ['detail'],
      problem: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
    }
    for (const [style, names] of Object.entries(members)) {
      const { body } = await probe({ methods: [METHODS.jwt], style: style as Style }).send()
      expect([style, Object.keys(body).sort()]).toEqual([style, names.sort()])
    }
  },
  'unauthenticated is 401, and 403 in the style detail where configured; missing roles 403': async () => {
    expect((await probe({ methods: [METHODS.jwt] }).send()).status).toBe(401)
    const detail = probe({ methods: [METHODS.jwt], style: 'detail', unauthenticatedStatus: 403 })
    const response = await detail.send()
    expect([response.status, response.body]).toEqual([403, { detail: 'Not authenticated' }])
    expect((await detail.bearer(await tokenOf(), { rule: { roles: ['owner'] } })).status).toBe(403)
  },
  'a companion login handler with Basic or Api-Key': async () => {
    const { web } = createGuard({
      methods: [METHODS.basic, METHODS.apiKey],
      onProblem: () => {},
    }).loginHandler()
    const login = async (headers: Record<string, string>, method = 'POST') => {
      const response = await web(new Request('http://app.test/auth/login', { method, headers }))
      return {
        status: response.status,
        body: (await response.json()) as { data?: { user?: { id?: string } } },
      }
    }
    expect((await login(basically('ada@example.com:pw'))).body.data?.user?.id).toBe('ada')
    expect((await login({ authorization: 'Api-Key key' })).body.data?.user?.id).toBe('robot')
    expect((await login(basically('ada@example.com:px'))).status).toBe(401)
    expect((await login({ authorization: 'Api-Key key' }, 'GET')).status).toBe(405)
  },
}

describe('the feature table of the guard', () => {
  it.each(Object.keys(TABLE))('%s', async (promise) => {
    await TABLE[promise]?.()
  })
})
