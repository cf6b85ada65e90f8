/** RFC 9449, Demonstrating Proof of Possession: by its sections, with its examples, as an app and a resource server see it. */
import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyring } from '../../../base/crypto.ts'
import { type AppKey, appKey, encoded, thumbprintOfEc } from '../../../testing/app-keys.ts'
import {
  authorizedCode,
  claimsIn,
  follow,
  push,
  pushedPath,
  type TestApp,
  testApp,
} from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { readProof } from './proof.ts'

let world: World
let ada: Person
/** With a secret, and without. */
let app: TestApp
let open: TestApp
const key = appKey()
const jkt = thumbprintOfEc(key.jwk)
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  const grant_types = ['authorization_code', 'refresh_token', 'client_credentials']
  app = await testApp(world, { first_party: true, grant_types })
  open = await testApp(world, { first_party: true, token_endpoint_auth_method: 'none' })
})
afterAll(() => world?.stop())

type Members = Record<string, unknown>
const seconds = (more = 0): number => Math.floor(world.clock.now().getTime() / 1000) + more
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')

interface Wanted {
  path?: string
  claims?: Members
  header?: Members
  by?: AppKey
}
function proof({ path = '/oidc/token', claims = {}, header = {}, by = key }: Wanted = {}): string {
  const { kid: _, ...jwk } = by.jwk
  const all = {
    jti: randomUUID(),
    htm: 'POST',
    htu: world.config.publicUrl + path,
    iat: seconds(),
    ...claims,
  }
  return by.sign({ typ: 'dpop+jwt', jwk, ...header }, all)
}

const PROGRAM = { grant_type: 'client_credentials' }
const withProof = (text: string, form: Record<string, string> = PROGRAM, of = app) =>
  of.post('/oidc/token', form, { dpop: text })
const errorOf = async (reply: ReturnType<typeof withProof>): Promise<unknown[]> => {
  const { status, body } = await reply
  return status < 300 ? [status] : [status, body.error]
}
const exchange = (code: string, of: TestApp, text: string | null) =>
  of.post(
    '/oidc/token',
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: 'https://app.example.com/callback',
      code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    },
    text === null ? {} : { dpop: text },
  )
const refresh = (of: TestApp, refresh_token: string, text: string | null) =>
  of.post('/oidc/token', { grant_type: 'refresh_token', refresh_token }, text === null ? {} : { dpop: text })
/** A nonce as a public app gets it. */
async function nonceFor(of = open): Promise<string> {
  const reply = await withProof(proof(), { grant_type: 'refresh_token', refresh_token: 'x' }, of)
  expect([reply.status, reply.body.error]).toEqual([400, 'use_dpop_nonce'])
  return reply.headers.get('dpop-nonce') ?? ''
}
/** Tokens of the app that are bound to the key. */
const boundTokens = async (of = app) =>
  (
    await exchange(
      await authorizedCode(ada.client, of),
      of,
      proof(of === open ? { claims: { nonce: await nonceFor() } } : {}),
    )
  ).body
const userinfo = (token: string, text: string | null, scheme = 'DPoP') =>
  world.client().get('/oidc/userinfo', {
    headers: { authorization: `${scheme} ${token}`, ...(text !== null && { dpop: text }) },
  })
const atUserinfo = (token: string, more: Wanted = {}) =>
  proof({ ...more, path: '/oidc/userinfo', claims: { htm: 'GET', ath: digest(token), ...more.claims } })

describe('§4.1, §7: the examples of the RFC', () => {
  const EXAMPLE =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg'
  const read = (dpop: string, at: number, path = '/token', method = 'POST') =>
    readProof(
      { dpop, method, path, authorization: null },
      {
        publicUrl: 'https://server.example.com',
        keyring: keyring('a secret of the tests, thirty-two characters'),
        now: new Date(at * 1000),
        accessToken: null,
      },
    )

  it('are read, with the thumbprint of §6.1', () => {
    expect(read(EXAMPLE, 1_562_262_616)).toMatchObject({
      jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
      hasNonce: false,
      use: { id: '-BwC3ESc6acc2lTc' },
    })
  })

  it('are refused at another time, address or method, and with any change', () => {
    expect(read(EXAMPLE, 1_562_262_616 + 61)).toMatchObject({ error: 'use_dpop_nonce' })
    expect(read(EXAMPLE, 1_562_262_616 + 7200)).toMatchObject({ error: 'invalid_dpop_proof' })
    expect(read(EXAMPLE, 1_562_262_616, '/par')).toMatchObject({ error: 'invalid_dpop_proof' })
    expect(read(EXAMPLE, 1_562_262_616, '/token', 'GET')).toMatchObject({ error: 'invalid_dpop_proof' })
    expect(read(`${EXAMPLE.slice(0, -2)}AA`, 1_562_262_616)).toMatchObject({ error: 'invalid_dpop_proof' })
  })

  it('have the digest of the access token that a proof names', () => {
    expect(digest('Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU')).toBe(
      'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo',
    )
  })
})

describe('§4.3: a proof is accepted', () => {
  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)('that %s has signed', async (alg) => {
    const { status, body } = await withProof(proof({ by: appKey(alg) }))
    expect([status, body.token_type]).toEqual([200, 'DPoP'])
  })

  it.each<[string, (at: string) => string]>([
    [
      'another case of scheme and host',
      (at) => at.replace(/^https?:\/\/[^/]+/, (origin) => origin.toUpperCase()),
    ],
    ['a query and a fragment', (at) => `${at}?a=b#c`],
    ['dot segments', (at) => at.replace('/oidc/', '/x/../oidc/')],
    ['letters that are escaped', (at) => at.replace('/token', '/%74oken')],
  ])('whose htu has %s', async (_what, change) => {
    const htu = change(`${world.config.publicUrl}/oidc/token`)
    expect(await errorOf(withProof(proof({ claims: { htu } })))).toEqual([200])
  })

  it('by a clock that is 50 seconds apart', async () => {
    for (const iat of [seconds(-50), seconds(50)])
      expect(await errorOf(withProof(proof({ claims: { iat } })))).toEqual([200])
  })
})

describe('§4.3: a proof is refused', () => {
  it.each<[string, () => string]>([
    ['another type', () => proof({ header: { typ: 'JWT' } })],
    ['the type as a media type', () => proof({ header: { typ: 'application/dpop+jwt' } })],
    ['no type', () => proof({ header: { typ: undefined } })],
    ['the algorithm none', () => `${encoded({ typ: 'dpop+jwt', alg: 'none', jwk: key.jwk })}.${encoded({ jti: 'a' })}.`],
    ['a symmetric algorithm', () => proof({ header: { alg: 'HS256' } })],
    ['an algorithm of another kind of key', () => proof({ header: { alg: 'RS256' } })],
    ['no key', () => proof({ header: { jwk: undefined } })],
    ['a private key', () => proof({ header: { jwk: key.privateKey.export({ format: 'jwk' }) } })],
    ['a shared secret', () => proof({ header: { jwk: { kty: 'oct', k: 'AAAA' } } })],
    ['another key', () => proof({ header: { jwk: appKey().jwk } })],
    ['a weak key', () => proof({ header: { alg: 'RS256', jwk: { kty: 'RSA', n: appKey('RS256').jwk.n, e: 'AQ' } } })],
    ['an address of a key', () => proof({ header: { jwk: undefined, jku: 'https://app.example.com/jwks' } })],
    ['a crit', () => proof({ header: { crit: ['b64'] } })],
    ['no jti', () => proof({ claims: { jti: undefined } })],
    ['an empty jti', () => proof({ claims: { jti: '' } })],
    ['a long jti', () => proof({ claims: { jti: 'x'.repeat(501) } })],
    ['another method', () => proof({ claims: { htm: 'GET' } })],
    ['a method in small letters', () => proof({ claims: { htm: 'post' } })],
    ['another endpoint', () => proof({ path: '/oidc/par' })],
    ['another host', () => proof({ claims: { htu: 'https://evil.example/oidc/token' } })],
    ['a longer path', () => proof({ path: '/oidc/token/' })],
    ['no htu', () => proof({ claims: { htu: undefined } })],
    ['an htu that is no address', () => proof({ claims: { htu: '/oidc/token' } })],
    ['no iat', () => proof({ claims: { iat: undefined } })],
    ['an iat that is a text', () => proof({ claims: { iat: String(seconds()) } })],
    ['an iat of yesterday', () => proof({ claims: { iat: seconds(-86_400) } })],
    ['an iat of tomorrow', () => proof({ claims: { iat: seconds(86_400) } })],
    ['a nonce that is no text', () => proof({ claims: { nonce: 1 } })],
    ['a changed claim', () => { const [h, , s] = proof().split('.'); return `${h}.${encoded({ jti: 'b' })}.${s}` }],
    ['no JWT', () => 'nonsense'],
    ['more than 8 kB', () => 'a'.repeat(8193)],
    ['nothing', () => ''],
  ])('with %s', async (_what, made) => {
    expect(await errorOf(withProof(made()))).toEqual([400, 'invalid_dpop_proof'])
  }) // biome-ignore format: a table

  it('where there are two', async () => {
    const authorization = `Basic ${btoa(`${app.id}:${app.secret}`)}`
    const response = await fetch(`${world.url}/oidc/token`, {
      method: 'POST',
      headers: [
        ['authorization', authorization],
        ['dpop', `${proof()}, ${proof()}`],
      ],
      body: new URLSearchParams(PROGRAM),
    })
    expect([response.status, (await response.json()).error]).toEqual([400, 'invalid_dpop_proof'])
  })
})

describe('§11.1: a proof is used once', () => {
  it('of a hundred requests at once, and afterwards', async () => {
    for (let round = 0; round < 3; round += 1) {
      const text = proof()
      const replies = await Promise.all(Array.from({ length: 100 }, () => errorOf(withProof(text))))
      expect(replies.filter(([status]) => status === 200)).toHaveLength(1)
      expect(await errorOf(withProof(text))).toEqual([400, 'invalid_dpop_proof'])
    }
  })

  it('by its id, which another key may have too', async () => {
    const jti = randomUUID()
    expect(await errorOf(withProof(proof({ claims: { jti } })))).toEqual([200])
    expect(await errorOf(withProof(proof({ claims: { jti, iat: seconds(1) } })))).toEqual([
      400,
      'invalid_dpop_proof',
    ])
    expect(await errorOf(withProof(proof({ claims: { jti }, by: appKey() })))).toEqual([200])
  })

  it('and an assertion beside it, by one statement', async () => {
    const jwks = { keys: [key.jwk] }
    const own = await testApp(world, {
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      jwks,
    })
    const send = (jti: string, text: string) => {
      const claims = { iss: own.id, sub: own.id, aud: world.config.publicUrl, jti, exp: seconds(60) }
      const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
      const form = { ...PROGRAM, client_assertion_type, client_assertion: key.sign({}, claims) }
      const headers = { 'content-type': 'application/x-www-form-urlencoded', dpop: text }
      return errorOf(
        world.client().send('POST', '/oidc/token', new URLSearchParams(form).toString(), { headers }),
      )
    }
    const text = proof()
    expect(await send('a', text)).toEqual([200])
    expect(await send('a', proof())).toEqual([401, 'invalid_client'])
    expect(await send('b', text)).toEqual([400, 'invalid_dpop_proof'])
    expect(await send('c', proof())).toEqual([200])
  })
})

describe('§5, §6: tokens', () => {
  it('are bound to the key', async () => {
    const body = await boundTokens()
    expect(body.token_type).toBe('DPoP')
    expect(claimsIn(body.access_token).cnf).toEqual({ jkt })
    const program = await withProof(proof())
    expect(claimsIn(program.body.access_token).cnf).toEqual({ jkt })
    const plain = await app.post('/oidc/token', PROGRAM)
    expect([plain.body.token_type, claimsIn(plain.body.access_token).cnf]).toEqual(['Bearer', undefined])
  })

  it('§6.2: say so when they are introspected', async () => {
    const { access_token: token } = await boundTokens()
    const { body } = await app.post('/oidc/introspect', { token })
    expect(body).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } })
    const { refresh_token } = await boundTokens(open)
    const root = await app.post('/oidc/introspect', { token: refresh_token })
    expect(root.body).toMatchObject({ active: true, cnf: { jkt } })
  })

  it('to refresh are bound to the key of a public app, and to a confidential one itself', async () => {
    const [bound, free] = [await boundTokens(open), await boundTokens()]
    const nonce = await nonceFor()
    const other = appKey()
    for (const text of [null, proof({ by: other, claims: { nonce } })])
      expect(await errorOf(refresh(open, bound.refresh_token, text))).toEqual([400, 'invalid_grant'])
    const next = await refresh(open, bound.refresh_token, proof({ claims: { nonce } }))
    expect(next.status).toBe(200)
    expect(claimsIn(next.body.access_token).cnf).toEqual({ jkt })
    const moved = await refresh(app, free.refresh_token, proof({ by: other }))
    expect(claimsIn(moved.body.access_token).cnf).toEqual({ jkt: thumbprintOfEc(other.jwk) })
    expect((await refresh(app, moved.body.refresh_token, null)).body.token_type).toBe('Bearer')
  })

  it('§5.2: of an app that always sends a proof are given for nothing else', async () => {
    const grant_types = ['authorization_code', 'refresh_token', 'client_credentials']
    const strict = await testApp(world, { first_party: true, grant_types, dpop_bound_access_tokens: true })
    expect(await errorOf(strict.post('/oidc/token', PROGRAM))).toEqual([400, 'invalid_request'])
    const code = await authorizedCode(ada.client, strict)
    expect(await errorOf(exchange(code, strict, null))).toEqual([400, 'invalid_request'])
    expect((await exchange(code, strict, proof())).body.token_type).toBe('DPoP')
  })
})

describe('§10: a code', () => {
  it('is bound to the key that the authorization request names', async () => {
    for (const text of [null, proof({ by: appKey() })]) {
      const code = await authorizedCode(ada.client, app, { dpop_jkt: jkt })
      expect(await errorOf(exchange(code, app, text))).toEqual([400, 'invalid_grant'])
      expect(await errorOf(exchange(code, app, proof()))).toEqual([400, 'invalid_grant'])
    }
    const code = await authorizedCode(ada.client, app, { dpop_jkt: jkt })
    expect((await exchange(code, app, proof())).body.token_type).toBe('DPoP')
  })

  it('§10.1: is bound to the key of a pushed request, by its proof or by its parameter', async () => {
    const codeOf = async (more: Record<string, string | null>, dpop: string | null) => {
      const reply = await push(app, more, dpop === null ? {} : { dpop })
      expect(reply.status).toBe(201)
      return (await follow(ada.client, pushedPath(app, reply))).left?.searchParams.get('code') ?? ''
    }
    const atPar = () => proof({ path: '/oidc/par' })
    for (const code of [
      await codeOf({}, atPar()),
      await codeOf({ dpop_jkt: jkt }, null),
      await codeOf({ dpop_jkt: jkt }, atPar()),
    ])
      expect(await errorOf(exchange(code, app, proof({ by: appKey() })))).toEqual([400, 'invalid_grant'])
    expect((await exchange(await codeOf({}, atPar()), app, proof())).status).toBe(200)
  })

  it('§10.1: is none of a pushed request whose proof is wrong, was used, or is by another key', async () => {
    const used = proof({ path: '/oidc/par' })
    expect((await push(app, {}, { dpop: used })).status).toBe(201)
    for (const [more, dpop, error] of [
      [{}, used, 'invalid_dpop_proof'],
      [{}, proof(), 'invalid_dpop_proof'],
      [{ dpop_jkt: thumbprintOfEc(appKey().jwk) }, proof({ path: '/oidc/par' }), 'invalid_request'],
    ] as const) {
      const { status, body } = await push(app, more, { dpop })
      expect([status, body.error]).toEqual([400, error])
    }
    const reply = await push(open, {}, { dpop: proof({ path: '/oidc/par' }) })
    expect([reply.status, reply.body.error]).toEqual([400, 'use_dpop_nonce'])
  })
})

describe('§8: a nonce', () => {
  it('is demanded of public apps, and of clocks that are wrong', async () => {
    const nonce = await nonceFor()
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/)
    const wrong = { iat: seconds(-1800) }
    const reply = await withProof(proof({ claims: wrong }))
    expect([reply.status, reply.body.error]).toEqual([400, 'use_dpop_nonce'])
    expect(reply.headers.get('dpop-nonce')).toBe(nonce)
    expect(reply.headers.get('access-control-expose-headers')).toContain('dpop-nonce')
    const again = await withProof(proof({ claims: { ...wrong, nonce } }))
    expect([again.status, again.headers.get('dpop-nonce')]).toEqual([200, nonce])
    expect((await withProof(proof())).headers.get('dpop-nonce')).toBeNull()
  })

  it('costs a code nothing', async () => {
    const code = await authorizedCode(ada.client, open)
    const first = await exchange(code, open, proof())
    expect(first.body.error).toBe('use_dpop_nonce')
    const nonce = first.headers.get('dpop-nonce') ?? ''
    expect((await exchange(code, open, proof({ claims: { nonce } }))).body.token_type).toBe('DPoP')
  })

  it('is valid for five to ten minutes, and is made by this server', async () => {
    const nonce = await nonceFor()
    await world.clock.advance('5 minutes')
    const later = await withProof(proof({ claims: { nonce } }))
    expect(later.status).toBe(200)
    expect(later.headers.get('dpop-nonce')).not.toBe(nonce)
    await world.clock.advance('6 minutes')
    for (const text of [nonce, 'eyJ7S_zG.eyJH0-Z.HX4w-7v', '', 'A'.repeat(22)])
      expect(await errorOf(withProof(proof({ claims: { nonce: text } })))).toEqual([400, 'use_dpop_nonce'])
  })
})

describe('§7: userinfo', () => {
  it('takes a bound token with a proof of its key', async () => {
    const { access_token: token } = await boundTokens()
    const { status, body } = await userinfo(token, atUserinfo(token))
    expect([status, body.sub]).toEqual([200, ada.id])
    const headers = { authorization: `DPoP ${token}`, dpop: atUserinfo(token, { claims: { htm: 'POST' } }) }
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...headers }
    expect((await world.client().send('POST', '/oidc/userinfo', '', { headers: form })).status).toBe(200)
  })

  it('refuses it otherwise, with the challenge of §7.1', async () => {
    const { access_token: token } = await boundTokens()
    const used = atUserinfo(token)
    await userinfo(token, used)
    const other = appKey()
    for (const [what, reply, error] of [
      ['no proof', userinfo(token, null), 'invalid_dpop_proof'],
      ['a used one', userinfo(token, used), 'invalid_dpop_proof'],
      ['no ath', userinfo(token, atUserinfo(token, { claims: { ath: undefined } })), 'invalid_dpop_proof'],
      [
        'another ath',
        userinfo(token, atUserinfo(token, { claims: { ath: digest('x') } })),
        'invalid_dpop_proof',
      ],
      ['another endpoint', userinfo(token, proof()), 'invalid_dpop_proof'],
      ['another key', userinfo(token, atUserinfo(token, { by: other })), 'invalid_token'],
      ['the scheme Bearer', userinfo(token, atUserinfo(token), 'Bearer'), 'invalid_token'],
    ] as const) {
      const { status, headers, body } = await reply
      expect([what, status, body.error]).toEqual([what, 401, error])
      const challenge = headers.get('www-authenticate') ?? ''
      expect(challenge, what).toMatch(/^DPoP realm="latchkey", /)
      expect(challenge).toContain(`error="${error}"`)
      expect(challenge).toContain('algs="RS256 PS256 ES256 EdDSA"')
    }
    const inForm = await world.client().post('/oidc/userinfo', { access_token: token }, { form: true })
    expect([inForm.status, inForm.body.error]).toEqual([401, 'invalid_token'])
  })

  it('takes no free token by that scheme, and says which schemes there are', async () => {
    const { access_token: token } = (await exchange(await authorizedCode(ada.client, app), app, null)).body
    expect((await userinfo(token, null, 'Bearer')).status).toBe(200)
    const { status, body } = await userinfo(token, atUserinfo(token))
    expect([status, body.error]).toEqual([401, 'invalid_token'])
    const none = await world.client().get('/oidc/userinfo')
    expect(none.headers.get('www-authenticate')).toMatch(
      /^Bearer realm="latchkey", DPoP realm="latchkey", algs="/,
    )
  })

  it('§9: demands a nonce of a public app', async () => {
    const { access_token: token } = await boundTokens(open)
    const first = await userinfo(token, atUserinfo(token))
    expect([first.status, first.body.error]).toEqual([401, 'use_dpop_nonce'])
    expect(first.headers.get('www-authenticate')).toContain('error="use_dpop_nonce"')
    const nonce = first.headers.get('dpop-nonce') ?? ''
    const second = await userinfo(token, atUserinfo(token, { claims: { nonce } }))
    expect([second.status, second.headers.get('dpop-nonce')]).toEqual([200, nonce])
  })
})

it('§5.1: the metadata has the algorithms', async () => {
  const { body } = await world.client().get('/.well-known/oauth-authorization-server')
  expect(body.dpop_signing_alg_values_supported).toEqual(['RS256', 'PS256', 'ES256', 'EdDSA'])
})
