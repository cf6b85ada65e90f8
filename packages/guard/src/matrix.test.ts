/**
 * Token confusion: every kind of token at every consumer; only the diagonal passes. Otherwise a session, a refresh
 * token or an ID token could be used as an access token.
 */
import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiKey, basic, jwt, latchkey, session } from './index.ts'
import { type Counterpart, makeKey, opaqueOf, startCounterpart } from './testing/counterpart.ts'
import { type Probe, probe } from './testing/probe.ts'

const OWN_KEY = `sk_${randomBytes(24).toString('hex')}`
const OWN_SESSION = randomBytes(32).toString('base64url')
const secret = randomBytes(32)

let server: Counterpart
let other: Counterpart
let kinds: Record<string, Record<string, string>>
let consumers: Record<string, Probe>

/** The kinds that each consumer accepts; every other pair is refused. */
const DIAGONAL: Record<string, readonly string[]> = {
  latchkey: ['access token', 'API key', 'API key as Api-Key', 'API key as a bearer', 'session token'],
  'latchkey of another issuer': ['access token of another issuer'],
  'jwt with a secret': ['token under a secret'],
  'jwt for an app (ID tokens)': ['ID token'],
  basic: ['Basic'],
  apiKey: ['own key'],
  session: ['own cookie'],
}

beforeAll(async () => {
  server = await startCounterpart()
  other = await startCounterpart()
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const typed = (typ: string | undefined, claims: Record<string, unknown> = {}) =>
    server.token({ jti: undefined, roles: undefined, ...claims }, { typ })
  const api = opaqueOf(server, 'api_key')
  const own = new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject('u')
    .setIssuer('own')
    .setAudience('api')
  kinds = {
    'access token': bearer(await server.token()),
    'access token of another issuer': bearer(await other.token()),
    'access token for another audience': bearer(await server.token({ aud: 'https://other.example' })),
    'access token of an unknown key': bearer(await server.token({}, {}, await makeKey())),
    'ID token': bearer(await typed('JWT', { aud: 'cli_1', nonce: 'n' })),
    'ID token for the API': bearer(await typed('JWT')),
    'ID token without typ': bearer(await typed(undefined, { aud: 'cli_1' })),
    'logout token': bearer(await typed('logout+jwt', { aud: 'cli_1', events: {} })),
    'client assertion': bearer(await typed('client-authentication+jwt')),
    'DPoP proof': bearer(await typed('dpop+jwt')),
    'mail token': bearer(await typed('mail+jwt')),
    'token under a secret': bearer(await own.setExpirationTime('1h').sign(secret)),
    'session token': bearer(opaqueOf(server, 'session')),
    'session token in X-API-Key': { 'x-api-key': opaqueOf(server, 'session') },
    'session token in a cookie': { cookie: `sid=${opaqueOf(server, 'session')}` },
    'refresh token': bearer(`rt_${randomBytes(32).toString('base64url')}`),
    'authorization code': bearer(randomBytes(32).toString('base64url')),
    'API key': { 'x-api-key': api },
    'API key as Api-Key': { authorization: `Api-Key ${api}` },
    'API key as a bearer': bearer(api),
    'API key in Basic': { authorization: `Basic ${Buffer.from(`${api}:`).toString('base64')}` },
    'access token as Api-Key': { authorization: `Api-Key ${await server.token()}` },
    'access token in X-API-Key': { 'x-api-key': await server.token() },
    'access token in a cookie': { cookie: `sid=${await server.token()}` },
    'own key': { 'x-api-key': OWN_KEY },
    'own key as a bearer': bearer(OWN_KEY),
    'own cookie': { cookie: `sid=${OWN_SESSION}` },
    'own cookie as a bearer': bearer(OWN_SESSION),
    Basic: { authorization: `Basic ${Buffer.from('ada:pw').toString('base64')}` },
    'Basic as a bearer': bearer(Buffer.from('ada:pw').toString('base64')),
    nothing: {},
  }
  const jwks = `${server.issuer}/.well-known/jwks.json`
  consumers = {
    latchkey: probe({ methods: [latchkey({ issuer: server.issuer })] }),
    'latchkey of another issuer': probe({ methods: [latchkey({ issuer: other.issuer })] }),
    'jwt with a secret': probe({ methods: [jwt({ secret, issuer: 'own', audience: 'api' })] }),
    'jwt for an app (ID tokens)': probe({
      methods: [jwt({ jwks, issuer: server.issuer, audience: 'cli_1', types: ['JWT'] })],
    }),
    basic: probe({
      methods: [
        basic({
          find: (name) => ({ id: name }),
          check: (who, password) => who?.id === 'ada' && password === 'pw',
        }),
      ],
    }),
    apiKey: probe({ methods: [apiKey({ find: (key) => (key === OWN_KEY ? { id: 'robot' } : null) })] }),
    session: probe({
      methods: [session({ cookie: 'sid', find: (token) => (token === OWN_SESSION ? { id: 'b' } : null) })],
    }),
  }
})
afterAll(() => Promise.all([server.close(), other.close()]))

describe('of all kinds of tokens', () => {
  it.each(Object.keys(DIAGONAL))('only the intended ones are accepted by %s', async (name) => {
    const passed: string[] = []
    for (const [kind, headers] of Object.entries(kinds)) {
      const response = await consumers[name]?.send(headers)
      if (response?.status === 200) passed.push(kind)
      else
        expect([kind, response?.status, response?.principal]).toEqual([
          kind,
          expect.toBeOneOf([400, 401]),
          null,
        ])
    }
    expect(passed.sort()).toEqual([...(DIAGONAL[name] ?? [])].sort())
  })

  it('an invalid one is not taken for an anonymous caller where a credential is optional', async () => {
    for (const [name, consumer] of Object.entries(consumers)) {
      for (const [kind, headers] of Object.entries(kinds)) {
        if (!('authorization' in headers) || DIAGONAL[name]?.includes(kind)) continue
        const response = await consumer.send(headers, { rule: { optional: true } })
        expect([name, kind, response.status]).toEqual([name, kind, expect.toBeOneOf([400, 401])])
      }
    }
  })
})
