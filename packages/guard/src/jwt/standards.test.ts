/** What the standards allow in a token and in how it is sent, and what the options of `jwt()` require beyond them. */
import { generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { type JwtOptions, jwt, type Rule } from '../index.ts'
import { type Probe, probe, type SendOptions } from '../testing/probe.ts'

const secret = randomBytes(32)
const trusted = { issuer: 'me', audience: 'api' }
const NOW = 1_900_000_000
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const CLAIMS = { iss: 'me', aud: 'api', sub: 'ada', iat: NOW, exp: NOW + 3600 }

const tokenOf = (
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> =>
  new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg: 'HS256', ...header }).sign(secret)
const consumerOf = (more: Partial<JwtOptions> = {}, seconds = NOW): Probe =>
  probe({ methods: [jwt({ secret, ...trusted, ...more })], now: () => seconds * 1000 })
const outcome = async (consumer: Probe, token: string, options?: SendOptions): Promise<unknown> => {
  const { status, code } = await consumer.bearer(token, options)
  return code ?? status
}

describe('the header typ', () => {
  it.each([
    'JWT',
    'jwt',
    'at+jwt',
    'AT+JWT',
    'application/at+jwt',
    'Application/At+Jwt',
    'application/jwt',
    undefined,
  ])('is a media type, in any case and with or without application/ (RFC 7515 §4.1.9): %s', async (typ) => {
    expect(await outcome(consumerOf(), await tokenOf({}, typ === undefined ? {} : { typ }))).toBe(200)
  })
  it.each([
    'logout+jwt',
    'application/logout+jwt',
    'text/jwt',
    'application/application/jwt',
    'application/',
    'x/at+jwt',
    ' jwt',
  ])('of another type is refused: %s', async (typ) => {
    expect(await outcome(consumerOf(), await tokenOf({}, { typ }))).toBe('INVALID_TOKEN')
  })
  it('may be restricted, in either form', async () => {
    for (const types of [['at+jwt'], ['application/AT+JWT']]) {
      const consumer = consumerOf({ types })
      const all = ['at+jwt', 'application/at+jwt', 'JWT', undefined].map(async (typ) =>
        outcome(consumer, await tokenOf({}, typ === undefined ? {} : { typ })),
      )
      expect(await Promise.all(all)).toEqual([200, 200, 'INVALID_TOKEN', 'INVALID_TOKEN'])
    }
  })
})

describe('the algorithm Ed25519 (RFC 9864)', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const jwk = publicKey.export({ format: 'jwk' })
  const signed = (alg: string, key: KeyObject = privateKey): string => {
    const text = `${b64({ alg, kid: 'k' })}.${b64(CLAIMS)}`
    return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
  }
  it('is EdDSA with an Ed25519 key, with each name of the key', async () => {
    for (const alg of ['EdDSA', 'Ed25519', undefined])
      for (const name of ['EdDSA', 'Ed25519']) {
        const keys = [{ ...jwk, kid: 'k', ...(alg ? { alg } : {}) } as JsonWebKey]
        const consumer = consumerOf({ secret: undefined, jwks: { keys } })
        expect([alg, name, await outcome(consumer, signed(name))]).toEqual([alg, name, 200])
      }
  })
  it('may be allowed by either name, and is not another curve', async () => {
    for (const algorithms of [['Ed25519'], ['EdDSA']] as const) {
      const consumer = consumerOf({ secret: undefined, publicKey, algorithms })
      expect([await outcome(consumer, signed('Ed25519')), await outcome(consumer, signed('EdDSA'))]).toEqual([
        200, 200,
      ])
      for (const alg of ['ed25519', 'Ed448', 'ED25519'])
        expect(await outcome(consumer, signed(alg))).toBe('INVALID_TOKEN')
    }
    const other = generateKeyPairSync('ed448')
    expect(
      await outcome(consumerOf({ secret: undefined, publicKey }), signed('EdDSA', other.privateKey)),
    ).toBe('INVALID_TOKEN')
  })
})

describe('a token', () => {
  it('may have 10,549 characters, and up to 16 kB', async () => {
    const base = (await tokenOf({ filler: '' })).length
    const withLength = async (length: number): Promise<string> => {
      let token = ''
      for (let filler = Math.floor(((length - base) * 3) / 4) - 3; token.length < length; filler++)
        token = await tokenOf({ filler: 'x'.repeat(filler) })
      return token
    }
    for (const length of [10_549, 16_380]) {
      const token = await withLength(length)
      expect(token.length).toBeLessThanOrEqual(16_384)
      expect([length, await outcome(consumerOf(), token)]).toEqual([length, 200])
    }
    expect(await outcome(consumerOf(), await withLength(16_385))).toBe('INVALID_TOKEN')
  })

  it('follows its scheme in any case after one or more spaces (RFC 9110 §11.4)', async () => {
    const token = await tokenOf()
    for (const scheme of ['Bearer ', 'Bearer  ', 'bearer    ', 'BEARER '])
      expect((await consumerOf().send({ authorization: scheme + token })).status).toBe(200)
  })
})

describe('clocks that differ', () => {
  const at = (seconds: number, more: Partial<JwtOptions> = {}) => consumerOf(more, NOW + seconds)

  it('accepts a fresh token of an issuer whose clock is up to a minute ahead, by default', async () => {
    const fresh = await tokenOf({ nbf: NOW })
    const outcomes = await Promise.all(
      [-6, -59, -60, -61, -600].map((seconds) => outcome(at(seconds), fresh)),
    )
    expect(outcomes).toEqual([200, 200, 200, 'INVALID_TOKEN', 'INVALID_TOKEN'])
  })
  it('accepts an expired token for five seconds only, by default', async () => {
    const token = await tokenOf({ exp: NOW })
    const outcomes = await Promise.all([-1, 0, 4, 5, 60].map((seconds) => outcome(at(seconds), token)))
    expect(outcomes).toEqual([200, 200, 200, 'TOKEN_EXPIRED', 'TOKEN_EXPIRED'])
  })
  it('applies clockTolerance to all three times', async () => {
    const more = { clockTolerance: 10 }
    const [fresh, old] = [await tokenOf({ nbf: NOW }), await tokenOf({ exp: NOW })]
    expect([await outcome(at(-10, more), fresh), await outcome(at(-11, more), fresh)]).toEqual([
      200,
      'INVALID_TOKEN',
    ])
    expect([await outcome(at(9, more), old), await outcome(at(10, more), old)]).toEqual([
      200,
      'TOKEN_EXPIRED',
    ])
    expect(await outcome(at(0, { clockTolerance: 0 }), old)).toBe('TOKEN_EXPIRED')
  })
})

describe('maxTokenAge', () => {
  it('ends a token earlier than its exp, also a cached one, and requires iat', async () => {
    let now = NOW
    const consumer = probe({ methods: [jwt({ secret, ...trusted, maxTokenAge: 60 })], now: () => now * 1000 })
    const token = await tokenOf()
    const outcomes: unknown[] = []
    for (const seconds of [0, 60, 64, 65]) {
      now = NOW + seconds
      outcomes.push(await outcome(consumer, token))
    }
    expect(outcomes).toEqual([200, 200, 200, 'TOKEN_EXPIRED'])
    now = NOW
    expect(await outcome(consumer, await tokenOf({ iat: undefined }))).toBe('INVALID_TOKEN')
    expect(await outcome(consumer, await tokenOf({ exp: NOW - 10 }))).toBe('TOKEN_EXPIRED')
    expect(consumer.reasons).toEqual(['iat is too long ago', 'iat is missing', 'exp is in the past'])
  })
})

describe('requiredClaims', () => {
  it.each<[JwtOptions['requiredClaims'], Record<string, unknown>, number]>([
    [['email'], { email: 'a@example.com' }, 200],
    [['email'], {}, 401],
    [['email'], { email: null }, 401],
    [['toString'], {}, 401],
    [{ token_use: 'access' }, { token_use: 'access' }, 200],
    [{ token_use: 'access' }, { token_use: 'id' }, 401],
    [{ token_use: 'access' }, {}, 401],
    [{ client_id: ['web', 'cli'] }, { client_id: 'cli' }, 200],
    [{ client_id: ['web', 'cli'] }, { client_id: 'other' }, 401],
    [{ groups: 'staff' }, { groups: ['users', 'staff'] }, 200],
    [{ groups: 'staff' }, { groups: ['staffing'] }, 401],
    [{ email_verified: true }, { email_verified: true }, 200],
    [{ email_verified: true }, { email_verified: 'true' }, 401],
    [{ level: 3 }, { level: 3 }, 200],
    [{ level: 3 }, { level: '3' }, 401],
    [{ a: 'x', b: 'y' }, { a: 'x' }, 401],
  ])('%j with %j is %i', async (requiredClaims, claims, status) => {
    expect((await consumerOf({ requiredClaims }).bearer(await tokenOf(claims))).status).toBe(status)
  })
})

describe('scopes', () => {
  const may = async (claims: Record<string, unknown>, rule: Rule): Promise<unknown> =>
    outcome(consumerOf(), await tokenOf(claims), { rule })

  it.each<[string, Record<string, unknown>, readonly string[]]>([
    [
      'a string of scope (RFC 8693)',
      { scope: 'openid orders/read  Files.Read' },
      ['openid', 'orders/read', 'Files.Read'],
    ],
    ['a list of scope', { scope: ['a', 'b c'] }, ['a', 'b c']],
    ['a string of scp (Entra)', { scp: 'Files.Read User.Read' }, ['Files.Read', 'User.Read']],
    ['a list of scp (Okta)', { scp: ['openid', 'profile'] }, ['openid', 'profile']],
    ['both', { scope: 'a b', scp: ['b', 'c'] }, ['a', 'b', 'c']],
    ['none', {}, []],
    ['another type', { scope: 7, scp: { a: 1 } }, []],
    ['an empty string', { scope: '' }, []],
  ])('are read from %s', async (_name, claims, scopes) => {
    expect((await consumerOf().bearer(await tokenOf(claims))).principal?.scopes).toEqual(scopes)
  })

  it('are required exactly, all of them or any of them, beside permissions', async () => {
    const claims = { scp: 'Files.Read orders/read', permissions: ['invoices:*'] }
    expect(await may(claims, { scopes: 'Files.Read' })).toBe(200)
    expect(await may(claims, { scopes: ['Files.Read', 'orders/read'] })).toBe(200)
    expect(await may(claims, { scopes: ['Files.Read', 'orders/write'] })).toBe('INSUFFICIENT_PERMISSIONS')
    expect(await may(claims, { scopes: { anyOf: ['orders/write', 'orders/read'] } })).toBe(200)
    expect(await may(claims, { scopes: { anyOf: ['orders/write'] } })).toBe('INSUFFICIENT_PERMISSIONS')
    expect(await may(claims, { scopes: 'files.read' })).toBe('INSUFFICIENT_PERMISSIONS')
    expect(await may(claims, { scopes: 'Files.Read', permissions: 'invoices:read' })).toBe(200)
    expect(await may(claims, { scopes: 'Files.Read', permissions: 'users:read' })).toBe(
      'INSUFFICIENT_PERMISSIONS',
    )
    expect(await may(claims, { methods: { GET: { scopes: 'Files.Write' } } })).toBe(
      'INSUFFICIENT_PERMISSIONS',
    )
  })

  it('grant no permission, and no wildcard', async () => {
    expect(await may({ scope: '* invoices:read' }, { permissions: 'invoices:read' })).toBe(
      'INSUFFICIENT_PERMISSIONS',
    )
    expect(await may({ scope: '*' }, { scopes: 'anything' })).toBe('INSUFFICIENT_PERMISSIONS')
  })

  it('that are missing are named by the challenge (RFC 6750 §3.1)', async () => {
    const response = await consumerOf().bearer(await tokenOf(), {
      rule: { scopes: ['orders/read', 'Files.Read'] },
    })
    expect(response.body.error?.details).toEqual({ required: ['orders/read', 'Files.Read'], of: 'scopes' })
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_scope", scope="orders/read Files.Read"',
    )
  })
})

describe('a token in a cookie', () => {
  const consumer = consumerOf({ cookie: 'token', origins: ['https://app.example'] })
  const send = async (headers: Record<string, string>, options: SendOptions = {}) =>
    (await consumer.send({ cookie: `a=b; token=${await tokenOf()}`, host: 'app.test', ...headers }, options))
      .status

  it('is read only where that is requested, and after an explicit credential', async () => {
    expect(await send({})).toBe(200)
    expect(await send({ authorization: 'Bearer x' })).toBe(401)
    expect((await consumerOf().send({ cookie: `token=${await tokenOf()}` })).code).toBe(
      'AUTHENTICATION_REQUIRED',
    )
  })
  it('is accepted for unsafe methods from the same origin, or one of the app', async () => {
    const post = (headers: Record<string, string>) => send(headers, { method: 'POST' })
    expect(await post({ 'sec-fetch-site': 'same-origin' })).toBe(200)
    expect(await post({ origin: 'http://app.test' })).toBe(200)
    expect(await post({ origin: 'https://app.example', 'sec-fetch-site': 'cross-site' })).toBe(200)
    expect(await post({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await post({ 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(await post({ origin: 'https://evil.example' })).toBe(403)
    expect(await post({ origin: 'null' })).toBe(403)
    expect(await send({ origin: 'https://evil.example' }, { method: 'GET' })).toBe(200)
  })
  it('is invalid where it cannot be read, not absent', async () => {
    for (const cookie of ['token=', 'token=x', 'token=a.b.c', `token=x; token=${await tokenOf()}`])
      expect([cookie, (await consumer.send({ cookie }, { rule: { optional: true } })).status]).toEqual([
        cookie,
        401,
      ])
    expect((await consumer.send({ cookie: `token=${await tokenOf({ iss: 'other' })}` })).code).toBe(
      'INVALID_TOKEN',
    )
  })
})

describe('a token in the query', () => {
  it('is read only where that is requested, and only once', async () => {
    const consumer = consumerOf({ query: 'access_token' })
    const token = await tokenOf()
    const status = async (url: string, headers: Record<string, string> = {}, one = consumer) =>
      (await one.send(headers, { url })).status
    expect(await status(`/?access_token=${token}`)).toBe(200)
    expect(await status(`/?access_token=x`)).toBe(401)
    expect(await status(`/?access_token=${token}&access_token=x`)).toBe(400)
    expect(await status(`/?access_token=${token}`, { authorization: `Bearer ${token}` })).toBe(200)
    expect(await status(`/?access_token=${token}`, { authorization: 'Bearer x' })).toBe(400)
    expect(await status(`/?access_token=${token}`, {}, consumerOf())).toBe(401)
  })
})
