/** RFC 7523 §2.2, §3 and OpenID Connect Core §9: apps that authenticate by a JWT which they sign, at each endpoint that they request. */
import { createHmac, createPublicKey } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JwsAlgorithm } from '../../../base/jws.ts'
import { type AppKey, appKey, encoded, type KeyServer, startKeyServer } from '../../../testing/app-keys.ts'
import { authorizedCode, authorizePath, CALLBACK, testApp, VERIFIER } from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const KEYS: Readonly<Record<JwsAlgorithm, AppKey>> = {
  RS256: appKey('RS256'),
  PS256: appKey('PS256'),
  ES256: appKey('ES256'),
  EdDSA: appKey('EdDSA'),
}

let world: World
let other: World
let ada: Person
let server: KeyServer
let id: string
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  server = await startKeyServer()
  id = await keyedApp({ jwks: { keys: Object.values(KEYS).map(({ jwk }) => jwk) } })
})
afterAll(async () => {
  await server?.stop()
  await world?.stop()
  await other?.stop()
})

async function keyedApp(more: Record<string, unknown>): Promise<string> {
  const grants = { grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] }
  const settings = { token_endpoint_auth_method: 'private_key_jwt', first_party: true, ...grants, ...more }
  return (await testApp(world, settings)).id
}

type Members = Record<string, unknown>
const seconds = (more = 0): number => Math.floor(world.clock.now().getTime() / 1000) + more
let count = 0
const claimsOf = (app: string, more: Members = {}): Members => ({
  iss: app,
  sub: app,
  aud: world.config.publicUrl,
  jti: `jti-${++count}`,
  iat: seconds(),
  exp: seconds(60),
  ...more,
})
const signed = (app: string, claims: Members = {}, header: Members = {}, key = KEYS.ES256): string =>
  key.sign({ kid: key.jwk.kid, ...header }, claimsOf(app, claims))
const by = (assertion: string): Record<string, string> => ({
  client_assertion_type: TYPE,
  client_assertion: assertion,
})
const send = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  world.client().send('POST', path, new URLSearchParams(form).toString(), {
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })
const token = (assertion: string, more: Record<string, string> = {}) =>
  send('/oidc/token', { grant_type: 'client_credentials', ...by(assertion), ...more })
const errorOf = async (reply: ReturnType<typeof token>): Promise<unknown[]> => {
  const { status, body } = await reply
  return status === 200 ? [200] : [status, body.error]
}

describe('an app is authenticated by its assertion', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)('signed by %s', async (alg) => {
    expect((await token(signed(id, {}, {}, KEYS[alg]))).status).toBe(200)
  })

  it.each([
    ['with its client_id beside it', {}, {}, true],
    ['without a kid', {}, { kid: undefined }, false],
    ['of the type JWT', {}, { typ: 'JWT' }, false],
    ['of the type of draft-ietf-oauth-rfc7523bis', {}, { typ: 'client-authentication+jwt' }, false],
    ['for the token endpoint', { aud: '/oidc/token' }, {}, false],
    ['for a list of the issuer alone', { aud: [''] }, {}, false],
    ['for both', { aud: ['', '/oidc/token'] }, {}, false],
    ['without iat', { iat: undefined }, {}, false],
    ['by a clock that is 50 seconds ahead', { iat: 50, nbf: 50, exp: 350 }, {}, false],
  ])('%s', async (_what, claims: Members, header, isNamed) => {
    const absolute = (value: unknown) => (typeof value === 'number' ? seconds(value) : value)
    const aud = [claims.aud ?? ''].flat().map((path) => world.config.publicUrl + path)
    const times = Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, absolute(value)]))
    const assertion = signed(id, { ...times, aud: Array.isArray(claims.aud) ? aud : aud[0] }, header)
    expect((await token(assertion, isNamed ? { client_id: id } : {})).status).toBe(200)
  })

  it('at every endpoint that it requests', async () => {
    const code = await authorizedCode(ada.client, { id } as never)
    const grant = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER }
    const { body } = await send('/oidc/token', { ...grant, ...by(signed(id)) })
    expect(body.id_token).toMatch(/^eyJ/)
    const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
    const next = await send('/oidc/token', { ...refresh, ...by(signed(id)) })
    expect(next.status).toBe(200)
    const one = { token: next.body.access_token }
    expect((await send('/oidc/introspect', { ...one, ...by(signed(id)) })).body.active).toBe(true)
    const request = Object.fromEntries(new URLSearchParams(authorizePath({ id }).split('?')[1]))
    // RFC 9126 §2: the endpoint of pushed requests is an audience there, and nowhere else
    const aud = `${world.config.publicUrl}/oidc/par`
    expect((await send('/oidc/par', { ...request, ...by(signed(id, { aud })) })).status).toBe(201)
    expect(await errorOf(token(signed(id, { aud })))).toEqual([401, 'invalid_client'])
    const end = { token: next.body.refresh_token }
    expect((await send('/oidc/revoke', { ...end, ...by(signed(id)) })).status).toBe(200)
    for (const path of ['/oidc/introspect', '/oidc/revoke', '/oidc/par'])
      expect(await errorOf(send(path, { ...request, ...one }))).toEqual([401, 'invalid_client'])
  })
})

describe('an assertion is refused', () => {
  it.each<[string, Members, RegExp]>([
    ['of another app', { iss: 'other' }, /iss/],
    ['about another app', { iss: undefined }, /iss/],
    ['for another server', { aud: 'https://other.example' }, /aud/],
    ['for another server too', { aud: ['{issuer}', 'https://other.example'] }, /aud/],
    ['for no server', { aud: undefined }, /aud/],
    ['for an empty list', { aud: [] }, /aud/],
    ['for the authorization endpoint', { aud: '{issuer}/oidc/authorize' }, /aud/],
    ['for the issuer with a slash', { aud: '{issuer}/' }, /aud/],
    ['without an end', { exp: undefined }, /exp/],
    ['with an end that is a text', { exp: '9999999999' }, /exp/],
    ['that has expired', { exp: 0 }, /expired/],
    ['that is valid for an hour', { exp: 3600 }, /5 minutes/],
    ['of the future', { iat: 120 }, /future/],
    ['that begins later', { nbf: 120 }, /future/],
    ['that is old', { iat: -400 }, /older/],
    ['with a time that is none', { iat: 'now' }, /iat/],
    ['without an id', { jti: undefined }, /jti/],
    ['with an id that is no text', { jti: 7 }, /jti/],
    ['with a long id', { jti: 'x'.repeat(501) }, /jti/],
  ])('%s', async (_what, members, about) => {
    const real = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(real)
      if (typeof value === 'number' && Math.abs(value) !== 7) return seconds(value)
      return typeof value === 'string' ? value.replace('{issuer}', world.config.publicUrl) : value
    }
    const claims = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, real(value)]))
    const { status, body, headers } = await token(signed(id, claims), { client_id: id })
    expect([status, body.error]).toEqual([401, 'invalid_client'])
    expect(body.error_description).toMatch(about)
    expect(headers.get('www-authenticate')).toMatch(/^Bearer/)
  })

  it.each<[string, (app: string) => string]>([
    ['none', (app) => `${encoded({ alg: 'none' })}.${encoded(claimsOf(app))}.`],
    ['nOnE with a signature', (app) => `${encoded({ alg: 'nOnE' })}.${encoded(claimsOf(app))}.AAAA`],
    ['a secret that is the public key', (app) => byPublicKey(app)],
    ['an algorithm of another kind of key', (app) => signed(app, {}, { alg: 'RS256' })],
    ['RS256 that PS256 has signed', (app) => signed(app, {}, { alg: 'RS256' }, KEYS.PS256)],
    ['an algorithm that is not supported', (app) => signed(app, {}, { alg: 'RS512' }, KEYS.RS256)],
    ['another key with its kid', (app) => signed(app, {}, { kid: KEYS.ES256.jwk.kid }, appKey())],
    ['another kid', (app) => signed(app, {}, { kid: KEYS.RS256.jwk.kid })],
    ['a kid that is no text', (app) => signed(app, {}, { kid: ['a'] })],
    ['a crit that is not understood', (app) => signed(app, {}, { crit: ['exp'] })],
    ['the type of a DPoP proof', (app) => signed(app, {}, { typ: 'dpop+jwt' })],
    ['the type of an access token', (app) => signed(app, {}, { typ: 'at+jwt' })],
    ['a changed claim', (app) => changed(signed(app))],
    ['an unknown app', () => signed('unknown-app')],
    ['no JWT', () => 'nonsense'],
  ])('with %s, by the answer that all such have', async (_what, assertion) => {
    const { status, body } = await token(assertion(id))
    expect([status, body.error]).toEqual([401, 'invalid_client'])
    expect(body.error_description).toBe('The app is unknown, or has not proven who it is.')
  })

  it('whose header carries a key, or points at one: nothing is fetched', async () => {
    const key = appKey()
    server.keys = [key.jwk]
    const before = server.requests
    for (const header of [{ jwk: key.jwk }, { jku: server.url }, { x5u: server.url }, { x5c: ['MIIB'] }]) {
      expect(await errorOf(token(signed(id, {}, header, key)))).toEqual([401, 'invalid_client'])
      // they are ignored beside a right signature
      expect(await errorOf(token(signed(id, {}, header)))).toEqual([200])
    }
    expect(server.requests).toBe(before)
  })

  it('beside another way to authenticate, or without its type', async () => {
    const basic = { authorization: `Basic ${btoa(`${id}:cs_x`)}` }
    const form: Record<string, string> = { grant_type: 'client_credentials', ...by(signed(id)) }
    const wrong = [400, 'invalid_request']
    expect(await errorOf(send('/oidc/token', form, basic))).toEqual(wrong)
    expect(await errorOf(send('/oidc/token', { ...form, client_secret: 'cs_x' }))).toEqual(wrong)
    expect(await errorOf(send('/oidc/token', { ...form, client_assertion_type: 'jwt' }))).toEqual(wrong)
    const { client_assertion_type: _, ...untyped } = form
    expect(await errorOf(send('/oidc/token', untyped))).toEqual(wrong)
    const { client_assertion: __, ...typed } = form
    expect(await errorOf(send('/oidc/token', typed))).toEqual(wrong)
    expect(await errorOf(send('/oidc/token', { ...form, client_id: 'other-app' }))).toEqual([
      401,
      'invalid_client',
    ])
  })

  it('of an app that is registered for another way, or another algorithm', async () => {
    const jwks = { keys: [KEYS.ES256.jwk] }
    for (const method of ['client_secret_basic', 'client_secret_post', 'none']) {
      const app = await keyedApp({ token_endpoint_auth_method: method, jwks })
      expect(await errorOf(token(signed(app)))).toEqual([401, 'invalid_client'])
    }
    const strict = await keyedApp({
      token_endpoint_auth_signing_alg: 'EdDSA',
      jwks: { keys: [KEYS.ES256.jwk, KEYS.EdDSA.jwk] },
    })
    expect(await errorOf(token(signed(strict)))).toEqual([401, 'invalid_client'])
    expect(await errorOf(token(signed(strict, {}, {}, KEYS.EdDSA)))).toEqual([200])
    const bound = await keyedApp({ jwks: { keys: [{ ...KEYS.RS256.jwk, alg: 'PS256' }] } })
    expect(await errorOf(token(signed(bound, {}, {}, KEYS.RS256)))).toEqual([401, 'invalid_client'])
  })

  it('and a secret, of an app that has to sign', async () => {
    const app = await testApp(world, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [KEYS.ES256.jwk] },
    })
    expect((await app.post('/oidc/token', { grant_type: 'client_credentials' })).body.error).toBe(
      'invalid_client',
    )
  })
})

describe('an assertion is used once', () => {
  it('of a hundred at once, and afterwards', async () => {
    for (let round = 0; round < 3; round += 1) {
      const assertion = signed(id)
      const replies = await Promise.all(Array.from({ length: 100 }, () => token(assertion)))
      expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(await errorOf(token(assertion))).toEqual([401, 'invalid_client'])
      // for any purpose
      expect(await errorOf(send('/oidc/introspect', { token: 'x', ...by(assertion) }))).toEqual([
        401,
        'invalid_client',
      ])
    }
  })

  it('by its id: a new signature does not help, and another app may have the same id', async () => {
    const second = await keyedApp({ jwks: { keys: [KEYS.ES256.jwk] } })
    expect(await errorOf(token(signed(id, { jti: 'same' })))).toEqual([200])
    expect(await errorOf(token(signed(id, { jti: 'same', exp: seconds(90) })))).toEqual([
      401,
      'invalid_client',
    ])
    expect(await errorOf(token(signed(second, { jti: 'same' })))).toEqual([200])
  })

  it('also where the request is refused for another reason, and is remembered as long as it lives', async () => {
    const assertion = signed(id)
    expect((await token(assertion, { scope: 'unknown' })).body.error).toBe('invalid_scope')
    expect(await errorOf(token(assertion))).toEqual([401, 'invalid_client'])
    const count = async () =>
      (await world.db.tx('system', (tx) => tx.selectFrom('used_proofs').select('hash').execute())).length
    expect(await count()).toBeGreaterThan(0)
    await world.clock.advance('20 minutes')
    expect(await errorOf(token(signed(id, { exp: seconds(299) })))).toEqual([200])
    // for another node, whose clock is behind this one’s, it has not expired
    await world.clock.advance('5 minutes')
    await world.app.settle()
    expect(await count()).toBe(1)
    await world.clock.advance('20 minutes')
    expect(await count()).toBe(0)
    expect(await errorOf(token(assertion))).toEqual([401, 'invalid_client'])
  })
})

describe('keys at a jwks_uri', () => {
  it('are fetched once, and again for a kid that is new, at most once a minute', async () => {
    const [first, next] = [appKey(), appKey('EdDSA')]
    server.keys = [first.jwk]
    const app = await keyedApp({ jwks_uri: server.url })
    const before = server.requests
    const many = await Promise.all(
      Array.from({ length: 20 }, () => errorOf(token(signed(app, {}, {}, first)))),
    )
    expect(many.flat()).toEqual(Array(20).fill(200))
    expect(server.requests - before).toBe(1)
    server.keys = [first.jwk, next.jwk]
    expect(await errorOf(token(signed(app, {}, {}, next)))).toEqual([200])
    expect(server.requests - before).toBe(2)
    for (let n = 0; n < 5; n += 1)
      expect(await errorOf(token(signed(app, {}, {}, appKey())))).toEqual([401, 'invalid_client'])
    expect(server.requests - before).toBe(2)
    // a wrong signature by a kid that is known is no reason to fetch
    await world.clock.advance('2 minutes')
    expect(await errorOf(token(signed(app, {}, { kid: first.jwk.kid }, appKey())))).toEqual([
      401,
      'invalid_client',
    ])
    expect(server.requests - before).toBe(2)
  })

  it.each<[string, (response: import('node:http').ServerResponse) => void]>([
    ['do not answer well', (response) => void response.writeHead(500).end()],
    ['redirect', (response) => void response.writeHead(302, { location: 'https://other.example/' }).end()],
    ['are no JSON', (response) => void response.writeHead(200).end('<html>')],
    ['are no set', (response) => void response.writeHead(200).end('{"keys":{}}')],
    [
      'are more than 256 kB',
      (response) => void response.writeHead(200).end(`{"keys":[],"x":"${'x'.repeat(300_000)}"}`),
    ],
    [
      'are keys that prove nothing',
      (response) =>
        void response.writeHead(200).end(
          JSON.stringify({
            keys: [{ kty: 'oct', k: 'AAAA' }, { kty: 'RSA', n: 'AQAB', e: 'AQ' }, { kty: 'EC' }],
          }),
        ),
    ],
  ])('that %s are no keys, and are not requested for a minute', async (_what, answer) => {
    const app = await keyedApp({ jwks_uri: server.url })
    const before = server.requests
    server.answer = answer
    for (let n = 0; n < 3; n += 1)
      expect(await errorOf(token(signed(app, {}, {}, appKey())))).toEqual([401, 'invalid_client'])
    // a set that could be read is renewed once for a kid that is not in it
    expect(server.requests - before).toBeLessThanOrEqual(2)
    server.answer = null
    const key = appKey()
    server.keys = [key.jwk]
    await world.clock.advance('2 minutes')
    expect(await errorOf(token(signed(app, {}, {}, key)))).toEqual([200])
  })

  it('that are slow keep no other app waiting', async () => {
    const app = await keyedApp({ jwks_uri: server.url })
    let release = () => {}
    server.answer = (response) => {
      release = () => void response.writeHead(200).end('{"keys":[]}')
    }
    const slow = token(signed(app, {}, {}, appKey()))
    expect(await errorOf(token(signed(id)))).toEqual([200])
    release()
    expect(await errorOf(slow)).toEqual([401, 'invalid_client'])
    server.answer = null
  })

  it('in a private network are not requested in production, unless the operator names the host', async () => {
    const key = appKey()
    server.keys = [key.jwk]
    const before = server.requests
    const settings = {
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      jwks_uri: server.url,
    }
    const send = async (of: World, app: string) => {
      const at = Math.floor(of.clock.now().getTime() / 1000)
      const claims = { ...claimsOf(app), aud: of.config.publicUrl, iat: at, exp: at + 60 }
      const form = { grant_type: 'client_credentials', ...by(key.sign({ kid: key.jwk.kid }, claims)) }
      return (await of.client().post('/oidc/token', form, { form: true })).status
    }
    other = await startWorld({ profile: 'production' })
    expect(await send(other, (await testApp(other, settings)).id)).toBe(401)
    expect(server.requests).toBe(before)
    await other.stop()
    other = await startWorld({ profile: 'production', connectionHosts: [new URL(server.url).host] })
    expect(await send(other, (await testApp(other, settings)).id)).toBe(200)
  })
})

it('the metadata has the method and the algorithms', async () => {
  const { body } = await world.client().get('/.well-known/openid-configuration')
  for (const endpoint of ['token', 'introspection', 'revocation']) {
    expect(body[`${endpoint}_endpoint_auth_methods_supported`]).toContain('private_key_jwt')
    expect(body[`${endpoint}_endpoint_auth_signing_alg_values_supported`]).toEqual([
      'RS256',
      'PS256',
      'ES256',
      'EdDSA',
    ])
  }
})

function byPublicKey(app: string): string {
  const pem = createPublicKey({ key: KEYS.RS256.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const text = `${encoded({ alg: 'HS256', kid: KEYS.RS256.jwk.kid })}.${encoded(claimsOf(app))}`
  return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
}

function changed(assertion: string): string {
  const [head, body = '', tail] = assertion.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  return `${head}.${encoded({ ...claims, jti: 'another' })}.${tail}`
}
