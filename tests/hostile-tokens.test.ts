/**
 * Forged JWTs (algorithm confusion, foreign keys, altered claims), and every kind of token where another is required.
 */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json, Reply } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { asBearer, refreshAt, signIn, statusOf } from './tokens/refreshing.ts'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com', username: 'ada' })
})
afterAll(() => world.stop())

const me = (token: string) => statusOf(world.url, token)
const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const decode = (part = ''): Json => JSON.parse(Buffer.from(part, 'base64url').toString())

describe('a hostile token', () => {
  let good = ''
  let header: Json
  let claims: Json
  let jwk: Json
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signed = (head: Json, body: Json, key: KeyObject = foreign.privateKey): string => {
    const text = `${base64url(head)}.${base64url(body)}`
    return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  const hmac = (head: Json, body: Json, secret: string | Buffer): string => {
    const text = `${base64url(head)}.${base64url(body)}`
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }
  beforeAll(async () => {
    good = (await signIn(world.url, ada)).access_token
    header = decode(good.split('.')[0])
    claims = decode(good.split('.')[1])
    const { keys } = (await world.client().get('/.well-known/jwks.json')).body
    jwk = keys.find((one: Json) => one.kid === header.kid)
  })

  it('is refused in every forged form, and the original is still accepted', async () => {
    const [h = '', p = '', s = ''] = good.split('.')
    const last = s.at(-1) ?? ''
    const flipped = `${s.slice(0, -1)}${String.fromCharCode(last.charCodeAt(0) ^ 1)}`
    const hostile: Record<string, string> = {
      ...Object.fromEntries(
        ['none', 'None', 'NONE', 'nOnE', '', null].flatMap((alg) => [
          [`alg ${alg}, no signature`, `${base64url({ ...header, alg })}.${p}.`],
          [`alg ${alg}, the old signature`, `${base64url({ ...header, alg })}.${p}.${s}`],
        ]),
      ),
      'HMAC with the public key as JWK': hmac({ ...header, alg: 'HS256' }, claims, JSON.stringify(jwk)),
      'HMAC with the x coordinate': hmac({ ...header, alg: 'HS256' }, claims, Buffer.from(jwk.x, 'base64url')),
      'HMAC with an empty secret': hmac({ ...header, alg: 'HS256' }, claims, ''),
      'an embedded jwk': signed({ ...header, jwk: foreign.publicKey.export({ format: 'jwk' }) }, claims),
      'a jku': signed({ ...header, jku: 'http://127.0.0.1:1/jwks.json' }, claims),
      'an x5u': signed({ ...header, x5u: 'http://127.0.0.1:1/cert' }, claims),
      'an x5c': signed({ ...header, x5c: ['AAAA'] }, claims),
      'an unknown crit': signed({ ...header, crit: ['exp'] }, claims),
      'a foreign key under our kid': signed(header, claims),
      'another kid': signed({ ...header, kid: 'sig_unknown' }, claims),
      'a kid that is a path': signed({ ...header, kid: '../../../../dev/null' }, claims),
      'a kid that is SQL': signed({ ...header, kid: "' or 1=1 --" }, claims),
      'a kid that is an object': signed({ ...header, kid: { toString: 1 } }, claims),
      'no kid': signed({ alg: 'ES256', typ: 'at+jwt' }, claims),
      'the claims changed': `${h}.${base64url({ ...claims, permissions: ['*'] })}.${s}`,
      'the signature truncated': `${h}.${p}.${s.slice(0, -4)}`,
      'the signature extended': `${h}.${p}.${s}AAAA`,
      'a bit of the signature flipped': `${h}.${p}.${flipped}`,
      'no signature': `${h}.${p}.`,
      'two parts': `${h}.${p}`,
      'four parts': `${good}.AAAA`,
      'five parts': `${good}.AAAA.AAAA`,
      'padded': `${h}=.${p}.${s}`,
      'another case': good.toUpperCase(),
    } // biome-ignore format: a table
    for (const [about, token] of Object.entries(hostile)) {
      const reply = await asBearer(world.url, token)
      const { status, code } = reply
      expect({ about, status, code }).toEqual({ about, status: 401, code: 'INVALID_TOKEN' })
      expect(reply.headers.get('www-authenticate'), about).toContain('error="invalid_token"')
    }
    expect(await me(good)).toBe(200)
  })

  it('of another type, issuer, audience or time is refused even with our signature', async () => {
    const { keys, clock } = world.app.tools
    const now = Math.floor(clock.now().getTime() / 1000)
    const ours = (typ: string, changes: Json): string =>
      keys.sign(typ, { ...claims, ...changes }, clock.now())
    expect(await me(ours('at+jwt', {}))).toBe(200)
    const wrong: [string, Json][] = [
      ['JWT', {}],
      ['logout+jwt', {}],
      ['id+jwt', {}],
      ['at+jwt', { iss: 'https://evil.example' }],
      ['at+jwt', { aud: 'another' }],
      ['at+jwt', { aud: [] }],
      ['at+jwt', { exp: now - 60 }],
      ['at+jwt', { nbf: now + 600 }],
      ['at+jwt', { iat: now + 600 }],
      ['at+jwt', { exp: `${now + 600}` }],
      ['at+jwt', { roles: 'super_admin' }],
      ...['exp', 'iss', 'aud', 'sub', 'jti', 'iat', 'roles', 'permissions'].map((name): [string, Json] => [
        'at+jwt',
        { [name]: undefined },
      ]),
    ]
    for (const [typ, changes] of wrong) {
      const about = `${typ} ${JSON.stringify(changes)} ${Object.keys(changes)}`
      expect({ about, status: await me(ours(typ, changes)) }).toEqual({ about, status: 401 })
    }
  })

  it('is refused under a key of ID tokens, which is published too', async () => {
    const { keys, clock } = world.app.tools
    for (const algorithm of ['RS256', 'ES256'] as const)
      for (const typ of ['at+jwt', 'JWT']) {
        const token = await keys.signIdToken(algorithm, typ, { ...claims, exp: claims.exp }, clock.now())
        expect([algorithm, typ, await me(token)]).toEqual([algorithm, typ, 401])
        const { kid } = decode(token.split('.')[0])
        const { body } = await world.client().get('/.well-known/jwks.json')
        expect(body.keys.map((one: Json) => one.kid)).toContain(kid)
      }
    expect(await me(good)).toBe(200)
  })

  it('in addition to a valid one is a bad request', async () => {
    const client = world.client({ headers: { authorization: `Bearer ${good}`, 'x-api-key': 'lk_live_x' } })
    expect((await client.get('/api/v1/users/me')).status).toBe(400)
  })
})

/** Whether the link was valid and only the password was not. */
const isPasswordRefused = ({ status, body }: Reply): boolean =>
  status === 400 && body.error.details[0].field === 'password'

describe('every kind of token at every place that takes one', () => {
  it('is accepted only where it belongs', async () => {
    const tokens = await signIn(world.url, ada)
    const client = world.client()
    await client.signIn(ada.email, PASSWORD)
    const key = await client.apiKey({ environment: 'live' })
    await world.client().post('/api/v1/auth/password/forgot', { email: ada.email })
    const kinds: Record<string, string> = {
      session: tokens.token,
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      key: key.secret,
      csrf: (await client.get('/api/v1/auth/csrf')).data.csrf_token,
      reset: await world.mailbox.tokenFor(ada.email, /reset-password/),
      jti: decode(tokens.access_token.split('.')[1]).jti,
    }
    const statusWith = async (headers: Record<string, string>, path: string) =>
      (await world.client({ headers }).get(path)).status
    const passes = (status: number) => status === 200
    const places: Record<string, { takes: string[]; ask(token: string): Promise<boolean> }> = {
      'bearer': { takes: ['session', 'access', 'key'], ask: async (token) => passes(await statusWith({ authorization: `Bearer ${token}` }, '/api/v1/auth/validate')) },
      'row of a session': { takes: ['session', 'access'], ask: async (token) => passes(await me(token)) },
      'X-API-Key': { takes: ['key'], ask: async (token) => passes(await statusWith({ 'x-api-key': token }, '/api/v1/auth/validate')) },
      'cookie': { takes: ['session'], ask: async (token) => passes(await statusWith({ cookie: `lk_session=${token}` }, '/api/v1/auth/me')) },
      'reset link': { takes: ['reset'], ask: async (token) => isPasswordRefused(await world.client().post('/api/v1/auth/password/reset', { token, password: 'short' })) },
      'verify link': { takes: [], ask: async (token) => passes((await world.client().post('/api/v1/auth/verify-email', { token })).status) },
      'refresh': { takes: ['refresh'], ask: async (token) => passes((await refreshAt(world.url, token)).status) },
    } // biome-ignore format: a table
    const wrong: string[] = []
    for (const [place, { takes, ask }] of Object.entries(places)) {
      for (const [kind, token] of Object.entries(kinds)) {
        const passed = await ask(token)
        if (passed !== takes.includes(kind))
          wrong.push(`${kind} at ${place}: ${passed ? 'passes' : 'refused'}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
