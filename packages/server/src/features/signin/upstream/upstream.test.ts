/** Answers that prove nothing: each has its fault, and a detail in words that contains no secret. */
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import type { FakeId, FakeProvider, Script } from '../../../testing/fake-provider-answers.ts'
import { startUpstream, type Upstream } from '../../../testing/upstream.ts'
import { authorizationUrl, checkDiscovery, createExpected, revokeTokens } from './index.ts'

let upstream: Upstream
let issuer: FakeProvider
beforeAll(async () => {
  upstream = await startUpstream()
  issuer = upstream.fakes.provider('okta')
})
afterAll(() => upstream.fakes.close())
afterEach(() => {
  for (const id of ['okta', 'oidc', 'github', 'slack', 'facebook', 'x', 'google', 'microsoft'] as const)
    upstream.fakes.provider(id).script = {}
})
const signIn = (script: Script = {}, id: FakeId = 'okta') => {
  upstream.fakes.provider(id).script = script
  return upstream.signIn(upstream.connection(id))
}
const seconds = () => Math.floor(upstream.clock.now().getTime() / 1000)

/** What is scripted, the fault, and what its detail says. */
const FAULTS: [string, Script | (() => Script), string, RegExp][] = [
  ['another nonce', { claims: { nonce: 'other' } }, 'wrong_nonce', /^the nonce differs$/],
  ['no nonce', { claims: { nonce: undefined } }, 'wrong_nonce', /has no nonce/],
  ['another audience', { claims: { aud: 'other' } }, 'wrong_audience', /audience is "other", expected client of okta: 1/],
  ['no audience', { claims: { aud: undefined } }, 'wrong_audience', /audience is nothing/],
  ['several audiences without a party', { claims: { aud: ['client of okta: 1', 'other'] } }, 'wrong_audience', /authorized party is nothing/],
  ['several audiences and another party', { claims: { aud: ['client of okta: 1', 'other'], azp: 'other' } }, 'wrong_audience', /party is "other"/],
  ['another issuer', { claims: { iss: 'https://evil.example.com' } }, 'wrong_issuer', /is of "https:\/\/evil\.example\.com", expected http/],
  ['an issuer with invisible characters', { claims: { iss: 'https://\u202eevil' } }, 'wrong_issuer', /is of "https:\/\/evil"/],
  ['the issuer with a slash', () => ({ claims: { iss: `http://${upstream.fakes.host}/okta/oauth2/default/` } }), 'wrong_issuer', /expected/],
  ['an expired token', () => ({ claims: { exp: seconds() - 300 } }), 'wrong_time', /expired 5 min ago/],
  ['a token of the future', () => ({ claims: { iat: seconds() + 240 } }), 'wrong_time', /4 min in the future: the clocks differ/],
  ['a token that is not valid yet', () => ({ claims: { nbf: seconds() + 7300 } }), 'wrong_time', /valid in 2 h/],
  ['no expiry', { claims: { exp: undefined } }, 'bad_answer', /"exp".*missing/],
  ['an expiry in words', { claims: { exp: 'tomorrow' } }, 'bad_answer', /"exp"/],
  ['no subject', { claims: { sub: undefined } }, 'bad_answer', /"sub".*missing/],
  ['a subject that is no text', { claims: { sub: 7 } }, 'bad_answer', /"sub"/],
  ['a subject with a line break', { claims: { sub: 'a\nb' }, info: { sub: 'a\nb' } }, 'no_subject', /no user id/],
  ['no signature', { signature: 'none' }, 'wrong_signature', /signed with "none"/],
  ['alg none in capitals', { signature: 'none', header: { alg: 'NONE' } }, 'wrong_signature', /signed with "NONE"/],
  ['the client secret as a key', { signature: 'secret' }, 'wrong_signature', /signed with "HS256"/],
  ['a key that is not published', { signature: 'stranger' }, 'wrong_signature', /signature verification failed/],
  ['a key id that is not published', { header: { kid: 'other' } }, 'wrong_signature', /no applicable keys/],
  ['another algorithm than the key', { header: { alg: 'PS256' } }, 'wrong_signature', /no applicable keys/],
  ['a critical header', { header: { crit: ['b64'] } }, 'bad_answer', /crit/],
  ['no ID token', { tokens: { id_token: undefined } }, 'bad_answer', /sent no ID token/],
  ['an ID token that is none', { tokens: { id_token: 'a.b.c' } }, 'bad_answer', /cannot be read/],
  ['no access token', { tokens: { access_token: undefined } }, 'bad_answer', /sent no access token/],
  ['a token of another type', { tokens: { token_type: 'mac' } }, 'bad_answer', /token_type/],
  ['userinfo of another user', { claims: { email: undefined }, info: { sub: 'mallory' } }, 'bad_answer', /userinfo endpoint.*"sub"/],
  ['userinfo without a subject', { claims: { email: undefined }, info: { sub: undefined } }, 'bad_answer', /userinfo endpoint.*"sub"/],
  ['a refusal of the user', { denies: 'access_denied' }, 'denied', /access_denied: as scripted/],
  ['an error of the provider', { denies: 'server_error' }, 'provider_error', /server_error/],
  ['a client that is not registered', { denies: 'unauthorized_client' }, 'client_refused', /unauthorized_client/],
  ['a redirect URI that is not registered', { denies: 'redirect_uri_mismatch' }, 'redirect_refused', /redirect_uri_mismatch/],
  ['a scope that is refused', { denies: 'invalid_scope' }, 'scope_refused', /invalid_scope/],
  ['no code', { callback: { code: undefined } }, 'bad_answer', /has no code/],
  ['another code', { callback: { code: 'other' } }, 'provider_error', /invalid_grant: as scripted/],
  ['a huge code', { callback: { code: 'x'.repeat(5000) } }, 'bad_answer', /has no code/],
  ['an error of a mixed-up issuer', { denies: 'access_denied', callback: { iss: 'https://evil.example.com' } }, 'wrong_issuer', /names the issuer https:\/\/evil/],
  ['a mixed-up issuer', { callback: { iss: 'https://evil.example.com' } }, 'wrong_issuer', /names the issuer https:\/\/evil/],
] // biome-ignore format: a table

test.each(FAULTS)('%s is refused', async (_, script, fault, detail) => {
  const refused = await upstream.faultOf(signIn(typeof script === 'function' ? script() : script))
  expect(refused).toEqual({ fault, detail: expect.stringMatching(detail) })
  expect(refused.detail).not.toMatch(/secret of|access-|eyJ/)
  expect(refused.detail.length).toBeLessThan(500)
})

describe('what is a little off', () => {
  test.each<[string, () => Script]>([
    ['a clock 50 s behind', () => ({ claims: { exp: seconds() - 50 } })],
    ['a clock 50 s ahead', () => ({ claims: { iat: seconds() + 50, nbf: seconds() + 50 } })],
    ['a token without a type', () => ({ tokens: { token_type: undefined } })],
    [
      'several audiences and this party',
      () => ({ claims: { aud: ['client of okta: 1', 'x'], azp: 'client of okta: 1' } }),
    ],
    ['a lifetime in words', () => ({ tokens: { expires_in: '3600' } })],
  ])('is accepted: %s', async (_, script) => {
    expect((await signIn(script())).subject).toBe('ada-1')
  })
})

describe('the issuer in the answer', () => {
  it('must be there where the issuer announces it (RFC 9207)', async () => {
    const without = await upstream.faultOf(signIn({ callback: { iss: undefined } }, 'oidc'))
    expect(without).toMatchObject({ fault: 'wrong_issuer', detail: expect.stringMatching(/names no issuer/) })
  })

  it('is checked before the code is sent', async () => {
    const before = upstream.fakes.requests.length
    await upstream.faultOf(signIn({ callback: { iss: 'https://evil.example.com' } }, 'oidc'))
    expect(upstream.fakes.requests.slice(before).filter((line) => /token$/.test(line))).toEqual([])
  })
})

/** How an upstream fails, and the fault at each of its addresses. */
const OUTAGES: [Script['token'] & {}, string, RegExp][] = [
  ['down', 'unreachable', /127\.0\.0\.1:\d+: ECONNRESET|connection failed/],
  ['html', 'not_json', /HTML, not JSON/],
  ['text', 'not_json', /not JSON/],
  ['redirect', 'bad_answer', /redirects/],
  ['huge', 'bad_answer', /exceeds 262144 bytes/],
  [{ status: 503, body: { down: true } }, 'bad_answer', /status 503/],
  [{ status: 200, body: [] }, 'bad_answer', /./],
] // biome-ignore format: a table

describe.each(['discovery', 'jwks', 'token', 'userinfo'] as const)('an upstream whose %s address', (part) => {
  test.each(OUTAGES)('answers %j has a fault', async (fault, code, detail) => {
    const script: Script = { [part]: fault, claims: { email: undefined } }
    expect(await upstream.faultOf(signIn(script))).toEqual({
      fault: code,
      detail: expect.stringMatching(detail),
    })
    // and works as soon as it is mended
    expect((await signIn()).subject).toBe('ada-1')
  })
})

test('an upstream that is slow has a fault after five seconds, for the whole exchange', async () => {
  const [token, discovery] = await Promise.all([
    upstream.faultOf(signIn({ token: 'slow' })),
    upstream.faultOf(signIn({ discovery: 'slow' }, 'oidc')),
  ])
  for (const { fault, detail } of [token, discovery])
    expect([fault, detail]).toEqual(['unreachable', expect.stringMatching(/no answer within 5000 ms/)])
})

describe('errors with status 200', () => {
  it('of GitHub and Slack are errors', async () => {
    for (const id of ['github', 'slack'] as const) {
      const { fault, detail } = await upstream.faultOf(signIn({ callback: { code: 'other' } }, id))
      expect([fault, detail]).toEqual(['provider_error', 'bad_verification_code'])
    }
  })

  it('of Facebook and X say what their members say', async () => {
    const error = {
      error: { message: 'Invalid OAuth\u202e access token', type: 'OAuthException', code: 190 },
    }
    expect(await upstream.faultOf(signIn({ api: { status: 400, body: error } }, 'facebook'))).toEqual({
      fault: 'provider_error',
      detail: 'OAuthException: Invalid OAuth access token',
    })
    expect(
      (await upstream.faultOf(signIn({ api: { status: 403, body: { title: 'Forbidden' } } }, 'x'))).fault,
    ).toBe('bad_answer')
  })
})

describe('a discovery document', () => {
  test.each<[string, Record<string, unknown>, string, RegExp]>([
    [
      'of another issuer',
      { issuer: 'https://evil.example.com' },
      'wrong_issuer',
      /states the issuer https:\/\/evil/,
    ],
    ['without an issuer', { issuer: undefined }, 'bad_answer', /member issuer/],
    ['without keys', { jwks_uri: undefined }, 'bad_answer', /member jwks_uri/],
    [
      'with a script as its endpoint',
      { authorization_endpoint: 'javascript:alert(1)' },
      'bad_answer',
      /authorization_endpoint/,
    ],
    [
      'with an endpoint that has no https',
      { authorization_endpoint: 'http://idp.example.com/' },
      'address_refused',
      /not https/,
    ],
    [
      'with a token endpoint on this machine',
      { token_endpoint: 'http://127.0.0.1:1/' },
      'address_refused',
      /not https/,
    ],
    [
      'with no way to authenticate',
      { token_endpoint_auth_methods_supported: ['tls_client_auth'] },
      'bad_settings',
      /accepts neither/,
    ],
  ])('%s is refused', async (_, metadata, fault, detail) => {
    expect(await upstream.faultOf(signIn({ metadata }))).toEqual({
      fault,
      detail: expect.stringMatching(detail),
    })
  })

  it('may write its addresses as it likes', async () => {
    const loud = (path: string) =>
      `HTTP://127.0.0.1:${upstream.fakes.host.split(':')[1]}/./okta/oauth2/default/${path}`
    const identity = await signIn({
      metadata: {
        token_endpoint: loud('token'),
        userinfo_endpoint: loud('userinfo'),
        jwks_uri: loud('keys'),
      },
      claims: { email: undefined },
    })
    expect(identity.email).toBe('ada@example.com')
  })

  it('that names one address for everything has a fault', async () => {
    const url = `http://${upstream.fakes.host}/okta/oauth2/default/.well-known/openid-configuration`
    const { fault } = await upstream.faultOf(signIn({ metadata: { jwks_uri: url, userinfo_endpoint: url } }))
    expect(fault).toBe('bad_answer')
  })

  it('of another issuer is not held', async () => {
    const connection = upstream.connection('okta')
    issuer.script = { metadata: { issuer: 'https://evil.example.com' } }
    expect((await upstream.faultOf(upstream.signIn(connection))).fault).toBe('wrong_issuer')
    issuer.script = {}
    expect((await upstream.signIn(connection)).subject).toBe('ada-1')
  })

  it('is read with its keys where a connection is checked', async () => {
    const connection = upstream.connection('okta')
    await checkDiscovery(upstream.tools, connection)
    issuer.script = { jwks: 'html' }
    const other = upstream.connection('okta')
    expect((await upstream.faultOf(checkDiscovery(upstream.tools, other))).fault).toBe('not_json')
  })
})

test.each<[string, object[]]>([
  ['no key', []],
  ['keys of other kinds', [{ kty: 'oct', k: 'c2VjcmV0' }, { kty: 'EC', crv: 'P-256' }, { kty: 'new' }]],
  ['a key that is too weak', [{ kty: 'RSA', kid: 'okta-0', n: 'AQ', e: 'AQAB' }]],
  ['a key whose numbers are none', [{ kty: 'RSA', kid: 'okta-0', n: 5, e: {} }]],
  ['a key whose id is no text', [{ kty: 'RSA', kid: 5, n: 'AQ', e: 'AQAB' }]],
])('a key set with %s verifies nothing', async (_, keys) => {
  const { fault } = await upstream.faultOf(signIn({ jwks: { status: 200, body: { keys } } }))
  expect(fault).toBe('wrong_signature')
})

describe('a connection', () => {
  test.each<[string, object, string]>([
    ['without a client id', { clientId: null }, 'the client id is missing'],
    ['without a secret', { sealedSecret: null }, 'the client secret is missing'],
  ])('%s has a fault of its settings', async (_, more, detail) => {
    const connection = upstream.connection('okta', {}, more)
    expect(await upstream.faultOf(upstream.signIn(connection))).toEqual({ fault: 'bad_settings', detail })
  })

  it('is not answered by the code of another one', async () => {
    const [first, second] = [upstream.connection('okta'), upstream.connection('okta')]
    const expected = createExpected()
    const url = await authorizationUrl(upstream.tools, first, expected, {
      state: 's',
      redirectUri: 'https://a.example/1',
    })
    const { parameters } = await upstream.fakes.authorize(url)
    const swapped = upstream.signIn(second, {
      expected,
      change: ({ parameters: given }) => Object.assign(given, parameters),
    })
    // the callback URL is each connection's own
    expect((await upstream.faultOf(swapped)).fault).toBe('provider_error')
  })

  it('whose code is sent with another verifier fails', async () => {
    const stolen = upstream.signIn(upstream.connection('okta'), { expected: createExpected() })
    expect((await upstream.faultOf(stolen)).fault).toBe('provider_error')
  })

  it('that revokes tokens hears of errors', async () => {
    const sealedSecret = upstream.tools.keyring.encrypt('connections', 'wrong')
    const connection = upstream.connection('okta', {}, { sealedSecret })
    const revoked = revokeTokens(upstream.tools, connection, { access_token: 'a' }, upstream.clock.now())
    expect((await upstream.faultOf(revoked)).fault).toBe('client_refused')
  })
})

describe('what a provider says', () => {
  it('is bounded, and free of invisible characters and secrets', async () => {
    const { claims, fullName, username, groups, email } = await signIn({
      claims: {
        name: `Ada\u202e\u0000\u200b ${'x'.repeat(5000)}`, preferred_username: '\u200b', picture: 'javascript:alert(1)',
        email: 'ada@example.com\r\nBcc: x@example.com', locale: 'x'.repeat(500),
        groups: Array.from({ length: 1000 }, (_, n) => `group ${n}`), access_token: 'taken', nested: { refresh_token: 'taken', deep: { a: { b: { c: { d: 1 } } } } },
        long: 'y'.repeat(9000), ...Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`member${n}`, 'z'.repeat(400)])),
      }, // biome-ignore format: a list
    })
    expect([fullName?.length, fullName?.slice(0, 5), username, email]).toEqual([200, 'Ada x', null, null])
    expect(groups).toHaveLength(500)
    const text = JSON.stringify(claims)
    expect(text.length).toBeLessThanOrEqual(8002)
    expect(text).not.toMatch(/taken|\u202e|nonce|eyJ/)
  })

  it('about how it authenticated the user is that of the ID token', async () => {
    const identity = await signIn({
      claims: { amr: ['pwd', 'otp', 7], acr: 'urn:mfa', auth_time: 1_900_000_000 },
    })
    expect(identity).toMatchObject({
      amr: ['pwd', 'otp'],
      acr: 'urn:mfa',
      authenticatedAt: new Date(1_900_000_000_000),
    })
  })

  it('of an address is verified only by the document that has the address', async () => {
    const own = { isOwnDomain: () => true }
    issuer.script = { claims: { email: 'victim@example.com', email_verified: undefined, name: undefined } }
    const mixed = await upstream.signIn(upstream.connection('okta'), own)
    expect(mixed).toMatchObject({ email: 'victim@example.com', emailVerified: false })
    issuer.script = { claims: { email: undefined, email_verified: true }, info: { email_verified: false } }
    const other = await upstream.signIn(upstream.connection('okta'), own)
    expect(other).toMatchObject({ email: 'ada@example.com', emailVerified: false })
  })
})
