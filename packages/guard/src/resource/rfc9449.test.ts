/** RFC 9449 §7, access to a protected resource with DPoP: proofs that jose signs, for tokens that are bound to a key. */
import { randomUUID } from 'node:crypto'
import { generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Counterpart, startCounterpart } from '../testing/counterpart.ts'
import {
  digestOf,
  type Holder,
  makeHolder,
  RESOURCE,
  type ResourceProbe,
  resourceProbe,
  tokenForResource,
} from '../testing/resource.ts'

let server: Counterpart
let holder: Holder
let token: string
let probe: ResourceProbe
const boundTo = ({ jkt }: Holder, claims = {}) => tokenForResource(server, { cnf: { jkt }, ...claims })
const now = () => Math.floor(Date.now() / 1000)
beforeAll(async () => {
  server = await startCounterpart()
  holder = await makeHolder()
  token = await boundTo(holder)
  probe = resourceProbe(server)
})
afterAll(() => server.close())

/** The error of the challenge for DPoP; null for an accepted request. */
async function errorOf(
  headers: Record<string, string> | [string, string][],
  of = probe,
): Promise<string | null> {
  const { status, challenge } = await of.send(headers)
  if (status === 200) return null
  return /DPoP [^,]*, error="(\w+)"/.exec(challenge)?.[1] ?? `${status}: ${challenge}`
}
const withProof = (dpop: string) => errorOf({ authorization: `DPoP ${token}`, dpop })

describe('a request (§7.1)', () => {
  it.each(['ES256', 'EdDSA', 'PS256', 'RS256'])(
    'with a proof by the key of the token is accepted: %s',
    async (alg) => {
      const other = await makeHolder(alg)
      const bound = await boundTo(other)
      const { status, principal } = await probe.send(await other.fields(bound))
      expect([status, principal?.userId, principal?.scopes]).toEqual([200, 'usr_1', ['notes:read']])
      // the second one finds key and token in memory
      expect(await errorOf(await other.fields(bound))).toBeNull()
    },
  )

  it('names its scheme in any case', async () => {
    const { dpop = '' } = await holder.fields(token)
    expect(await errorOf({ authorization: `dpop ${token}`, dpop })).toBeNull()
  })

  it('without a proof, with two, or with one that is no JWT is refused', async () => {
    expect(await errorOf({ authorization: `DPoP ${token}` })).toBe('invalid_dpop_proof')
    const [first, second] = [await holder.proof(token), await holder.proof(token)]
    expect(
      await errorOf([
        ['authorization', `DPoP ${token}`],
        ['dpop', first],
        ['dpop', second],
      ]),
    ).toBe('invalid_dpop_proof')
    for (const text of [
      '',
      'a.b.c',
      `${first}.`,
      `${first}a`,
      'x'.repeat(5000),
      `${first.split('.').slice(0, 2).join('.')}.`,
    ])
      expect(await withProof(text)).toBe('invalid_dpop_proof')
  })

  it('with the proof of another key is refused as one with a wrong token', async () => {
    const thief = await makeHolder()
    expect(await errorOf(await thief.fields(token))).toBe('invalid_token')
    expect(probe.reasons.at(-1)).toMatch(/another key/)
  })

  it('says in its challenge which algorithms are accepted, and where the metadata is', async () => {
    const { challenge } = await probe.send({ authorization: `DPoP ${token}` })
    expect(challenge).toContain(
      `DPoP realm="latchkey", error="invalid_dpop_proof", error_description="The DPoP proof is not valid.", algs="ES256 EdDSA PS256 RS256", resource_metadata="${probe.api.metadata.url}"`,
    )
  })

  it('with a valid proof and too little scope is answered with 403 in the scheme of the request', async () => {
    const { status, challenge } = await probe.send(await holder.fields(token), {
      rule: { scopes: 'notes:write' },
    })
    expect([status, challenge]).toEqual([
      403,
      expect.stringMatching(/^DPoP .*error="insufficient_scope", scope="notes:write"/),
    ])
  })
})

describe('a proof (§4.3)', () => {
  it.each<[string, Record<string, unknown>]>([
    ['htm of another method', { htm: 'POST' }],
    ['htm in lower case', { htm: 'get' }],
    ['htu of another path', { htu: `${RESOURCE}/1` }],
    ['htu of another host', { htu: 'https://evil.example/notes' }],
    ['htu of another scheme', { htu: RESOURCE.replace('https', 'http') }],
    ['htu with a user name', { htu: 'https://api.example.com@evil.example/notes' }],
    ['htu that is no URL', { htu: '/notes' }],
    ['htu that is no string', { htu: [RESOURCE] }],
    ['ath of another token', { ath: digestOf('another') }],
    ['jti that is empty', { jti: '' }],
    ['jti that is too long', { jti: 'a'.repeat(501) }],
    ['jti that is no string', { jti: 7 }],
    ['iat in the past', { iat: now() - 61 }],
    ['iat in the future', { iat: now() + 90 }],
    ['iat that is no number', { iat: `${now()}` }],
    ...['jti', 'htm', 'htu', 'iat', 'ath'].map((name): [string, Record<string, unknown>] => [
      `no ${name}`,
      { [name]: undefined },
    ]),
  ])('with %s is refused', async (_what, claims) => {
    expect(await withProof(await holder.proof(token, claims))).toBe('invalid_dpop_proof')
  })

  it.each([
    RESOURCE.replace('example.com/', 'example.com:443/'),
    'HTTPS://API.EXAMPLE.COM/notes',
    `${RESOURCE}?page=2`,
    `${RESOURCE}#a`,
    'https://api.example.com/a/../n%6ftes',
  ])('names the address in another spelling: %s', async (htu) => {
    expect(await withProof(await holder.proof(token, { htu }))).toBeNull()
  })

  it('is for the path of the request, without its query', async () => {
    const fields = await holder.fields(token, { htu: `${RESOURCE}/a%2fb` })
    expect((await probe.send(fields, { path: '/notes/a%2Fb?page=2' })).status).toBe(200)
    // the request names the host that it was sent to, which is not believed
    const evil = await holder.fields(token, { htu: 'https://evil.example/notes' })
    expect(
      (await probe.send({ ...evil, host: 'evil.example' }, { path: 'https://evil.example/notes' })).status,
    ).toBe(401)
  })

  it.each<[string, Record<string, unknown>]>([
    ['the typ of a token', { typ: 'JWT' }],
    ['no typ', { typ: undefined }],
    ['no key', { jwk: undefined }],
    ['a key that is none', { jwk: { kty: 'EC' } }],
    ['an unknown kind of key', { jwk: { kty: 'constructor' } }],
  ])('whose header has %s is refused', async (_what, header) => {
    const given = JSON.parse(JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: holder.jwk, ...header }))
    const claims = { jti: randomUUID(), htm: 'GET', htu: RESOURCE, iat: now(), ath: digestOf(token) }
    const proof = await new SignJWT(claims).setProtectedHeader(given).sign(holder.privateKey)
    expect(await withProof(proof)).toBe('invalid_dpop_proof')
  })

  it('with a private key, a symmetric algorithm, none, or a critical extension is refused', async () => {
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { jti: 'a', htm: 'GET', htu: RESOURCE, iat: now(), ath: digestOf(token) }
    const secret = new Uint8Array(32).fill(7)
    const shared = { kty: 'oct', k: Buffer.from(secret).toString('base64url') }
    for (const [header, key] of [
      [{ alg: 'HS256', jwk: shared }, secret],
      [{ alg: 'HS256', jwk: holder.jwk }, secret],
    ] as const)
      expect(
        await withProof(
          await new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', ...header }).sign(key),
        ),
      ).toBe('invalid_dpop_proof')
    const none = encoded({ typ: 'dpop+jwt', alg: 'none', jwk: holder.jwk })
    expect(await withProof(`${none}.${encoded(claims)}.AA`)).toBe('invalid_dpop_proof')
    const jwk = { ...holder.jwk, d: 'AAAA' }
    expect(await withProof(await holder.proof(token, {}, { jwk }))).toBe('invalid_dpop_proof')
    const critical = encoded({ typ: 'dpop+jwt', alg: 'ES256', jwk: holder.jwk, crit: ['exp'] })
    expect(await withProof(`${critical}.${encoded(claims)}.AA`)).toBe('invalid_dpop_proof')
  })

  it('whose signature is by another key than its header has is refused', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const claims = { jti: 'b', htm: 'GET', htu: RESOURCE, iat: now(), ath: digestOf(token) }
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: holder.jwk }
    expect(await withProof(await new SignJWT(claims).setProtectedHeader(header).sign(privateKey))).toBe(
      'invalid_dpop_proof',
    )
  })
})

describe('replays (§11.1)', () => {
  it('of a proof are refused: of many at once one is accepted', async () => {
    const fields = await holder.fields(token)
    const errors = await Promise.all(Array.from({ length: 100 }, () => errorOf(fields)))
    expect(errors.filter((error) => error === null)).toHaveLength(1)
    expect(new Set(errors)).toEqual(new Set([null, 'invalid_dpop_proof']))
  })

  it('are remembered for as long as the proof is fresh', async () => {
    const clock = { now: Date.now() }
    const own = resourceProbe(server, { now: () => clock.now })
    // each of them is as old as it may be when it is sent again
    for (const ahead of [0, 29]) {
      const fields = await holder.fields(token, { iat: Math.floor(clock.now / 1000) + ahead })
      expect(await errorOf(fields, own)).toBeNull()
      for (const later of [1, 30, 58, 59 + ahead]) {
        const moved = clock.now
        clock.now += later * 1000
        expect([later, (await own.send(fields)).status]).toEqual([later, 401])
        clock.now = moved
      }
      clock.now += 89_000
    }
  })

  it('of another client with the same jti are none', async () => {
    const other = await makeHolder()
    const jti = randomUUID()
    expect(await errorOf(await holder.fields(token, { jti }))).toBeNull()
    expect(await errorOf(await other.fields(await boundTo(other), { jti }))).toBeNull()
  })

  it('are found in a store that processes share, and a store that fails refuses', async () => {
    const used = new Map<string, number>()
    const replays = {
      async use(id: string, lifetime: number) {
        if (used.has(id)) return false
        used.set(id, lifetime)
        return true
      },
    }
    const [one, two] = [
      resourceProbe(server, { dpop: { replays } }),
      resourceProbe(server, { dpop: { replays } }),
    ]
    const fields = await holder.fields(token)
    expect([await errorOf(fields, one), await errorOf(fields, two)]).toEqual([null, 'invalid_dpop_proof'])
    expect([...used]).toEqual([[expect.stringMatching(/^[\w-]{43}$/), 90_000]])
    for (const use of [
      () => Promise.reject(new Error('down')),
      () => 'OK' as never,
      () => {
        throw new Error('down')
      },
    ]) {
      const failing = resourceProbe(server, { dpop: { replays: { use } } })
      expect((await failing.send(await holder.fields(token))).status).toBe(503)
    }
  })

  it('are not accepted where memory is full: such requests are answered with 503', async () => {
    const small = resourceProbe(server, { dpop: { maxProofs: 2 } })
    const statuses = []
    for (let n = 0; n < 3; n += 1) statuses.push((await small.send(await holder.fields(token))).status)
    expect(statuses).toEqual([200, 200, 503])
  })
})

describe('tokens (§7.2)', () => {
  it('that are bound are refused as bearer tokens, also beside a valid proof', async () => {
    for (const more of [{}, { dpop: await holder.proof(token) }]) {
      const { status, challenge } = await probe.send({ authorization: `Bearer ${token}`, ...more })
      expect([status, challenge]).toEqual([
        401,
        expect.stringMatching(/^Bearer realm="latchkey", error="invalid_token".*, DPoP /),
      ])
    }
  })

  it('that are not bound are no DPoP tokens, and stay bearer tokens', async () => {
    const plain = await tokenForResource(server)
    expect(await errorOf(await holder.fields(plain))).toBe('invalid_token')
    expect((await probe.send({ authorization: `Bearer ${plain}` })).status).toBe(200)
  })

  it('whose cnf is malformed are refused in either scheme', async () => {
    for (const cnf of [{ jkt: 7 }, { jkt: '' }, 'text', null, []]) {
      const odd = await tokenForResource(server, { cnf })
      expect((await probe.send({ authorization: `Bearer ${odd}` })).status).toBe(401)
      expect((await probe.send(await holder.fields(odd))).status).toBe(401)
    }
  })

  it('that are not bound are refused where proofs are required', async () => {
    const strict = resourceProbe(server, { dpop: { required: true } })
    const plain = await tokenForResource(server)
    const { status, challenge } = await strict.send({ authorization: `Bearer ${plain}` })
    expect([status, challenge]).toEqual([401, expect.stringMatching(/^DPoP .*error="invalid_token"/)])
    expect(await errorOf(await holder.fields(token), strict)).toBeNull()
  })

  it('that are bound are refused where proofs are not checked, and by a guard that knows nothing of resources', async () => {
    const off = resourceProbe(server, { dpop: false })
    expect((await off.send(await holder.fields(token))).status).toBe(401)
    expect((await off.send({ authorization: `Bearer ${token}` })).status).toBe(401)
    const { createGuard, latchkey } = await import('../index.ts')
    const guard = createGuard({
      methods: [latchkey({ issuer: server.issuer, audience: RESOURCE, revocation: 'none' })],
    })
    await expect(guard.verify(token)).rejects.toMatchObject({ code: 'INVALID_TOKEN' })
    await expect(guard.verify(await tokenForResource(server))).resolves.toMatchObject({ userId: 'usr_1' })
  })

  it('outside of a request, where no proof is, are refused by verify', async () => {
    await expect(probe.api.verify(token)).rejects.toMatchObject({ code: 'INVALID_TOKEN' })
  })
})
