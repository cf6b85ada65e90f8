/** Discovery of keys by issuer; issuers as lists, patterns and functions. The issuers are servers of this test. */
import type { JsonWebKey } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type JwtOptions, jwt, problem } from '../index.ts'
import { makeKey, type SigningKey } from '../testing/counterpart.ts'
import { type Probe, probe } from '../testing/probe.ts'
import { until } from '../testing/waiting.ts'
import { metadataAddresses } from './discovery.ts'
import { issuerMatcher, patternMatcher } from './issuers.ts'

interface Issuer {
  url: string
  keys: SigningKey[]
  /** Answers by path; a path without one is 404. */
  pages: Record<string, unknown>
  count: Record<string, number>
  answer: (req: IncomingMessage, res: ServerResponse) => void
}
const OPENID = '/.well-known/openid-configuration'
const OAUTH = '/.well-known/oauth-authorization-server'
const servers: Server[] = []

/** @param path of the issuer below its origin */
async function startIssuer(path = '', at = `${path}${OPENID}`): Promise<Issuer> {
  const self: Issuer = {
    url: '',
    keys: [await makeKey()],
    pages: {},
    count: {},
    answer(req, res) {
      const page = self.pages[req.url ?? '']
      if (page === undefined) return void res.writeHead(404).end()
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(page))
    },
  }
  const server = createServer((req, res) => {
    self.count[req.url ?? ''] = (self.count[req.url ?? ''] ?? 0) + 1
    if (req.url === '/keys') res.end(JSON.stringify({ keys: self.keys.map(({ jwk }) => jwk) }))
    else self.answer(req, res)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  self.url = `${origin}${path}`
  self.pages[at] = { issuer: self.url, jwks_uri: `${origin}/keys` }
  return self
}
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

const tokenOf = (issuer: Issuer, claims: Record<string, unknown> = {}, key = issuer.keys[0] as SigningKey) =>
  new SignJWT({ iss: issuer.url, aud: 'api', sub: 'ada', ...claims })
    .setProtectedHeader({ alg: key.alg, kid: key.kid })
    .setExpirationTime('10h')
    .sign(key.privateKey)
const consumerOf = (more: Partial<JwtOptions> & Pick<JwtOptions, 'issuer'>, now?: () => number): Probe =>
  probe({ methods: [jwt({ audience: 'api', ...more })], ...(now ? { now } : {}) })
const statusOf = async (consumer: Probe, token: string): Promise<number> =>
  (await consumer.bearer(token)).status

describe('discovery', () => {
  it.each([
    ['OpenID Connect', '', OPENID],
    ['OpenID Connect, with a path', '/realms/a', `/realms/a${OPENID}`],
    ['OpenID Connect, with a slash at the end', '/', OPENID],
    ['RFC 8414', '', OAUTH],
    ['RFC 8414, with a path', '/realms/a', `${OAUTH}/realms/a`],
    ['OpenID Connect at the place of RFC 8414 §5', '/realms/a', `${OPENID}/realms/a`],
  ])('finds the keys of an issuer: %s', async (_name, path, at) => {
    const issuer = await startIssuer(path, at)
    const consumer = consumerOf({ issuer: issuer.url })
    expect(await statusOf(consumer, await tokenOf(issuer))).toBe(200)
    expect(issuer.count[at]).toBe(1)
    expect(await statusOf(consumer, await tokenOf(issuer, {}, await makeKey()))).toBe(401)
  })

  it('is not repeated for further tokens, and shared by concurrent ones', async () => {
    const issuer = await startIssuer()
    const consumer = consumerOf({ issuer: issuer.url })
    const tokens = await Promise.all(Array.from({ length: 30 }, (_, n) => tokenOf(issuer, { jti: `${n}` })))
    expect(new Set(await Promise.all(tokens.map((token) => statusOf(consumer, token))))).toEqual(
      new Set([200]),
    )
    for (const token of tokens) expect(await statusOf(consumer, token)).toBe(200)
    expect(issuer.count).toEqual({ [OPENID]: 1, '/keys': 1 })
  })

  it('makes no request before a token of the issuer arrives, nor for those of others', async () => {
    const [issuer, other] = [await startIssuer(), await startIssuer()]
    const consumer = consumerOf({ issuer: issuer.url })
    expect(await statusOf(consumer, await tokenOf(other))).toBe(401)
    expect([issuer.count, other.count]).toEqual([{}, {}])
  })

  it('refreshes in the background, and follows a jwks_uri that has moved', async () => {
    let now = Date.now()
    const issuer = await startIssuer()
    const consumer = consumerOf({ issuer: issuer.url }, () => now)
    const token = await tokenOf(issuer)
    expect(await statusOf(consumer, token)).toBe(200)
    const next = await makeKey()
    issuer.answer = (req, res) => {
      const jwks_uri = `${issuer.url}/moved`
      if (req.url === OPENID) res.end(JSON.stringify({ issuer: issuer.url, jwks_uri }))
      else if (req.url === '/moved') res.end(JSON.stringify({ keys: [next.jwk] }))
      else res.writeHead(404).end()
    }
    // after 80 % of ten minutes, the old keys answer and the new ones are fetched
    now += 9 * 60_000
    expect(await statusOf(consumer, token)).toBe(200)
    await until(() => issuer.count['/keys'] === 2)
    now += 2 * 60_000
    expect(await statusOf(consumer, await tokenOf(issuer, {}, next))).toBe(200)
    expect([await statusOf(consumer, token), issuer.count[OPENID]]).toEqual([401, 2])
  })

  it.each<[string, (issuer: Issuer) => unknown]>([
    ['names another issuer', (i) => ({ issuer: 'https://evil.example', jwks_uri: `${i.url}/keys` })],
    ['names the issuer with a slash', (i) => ({ issuer: `${i.url}/`, jwks_uri: `${i.url}/keys` })],
    ['names no issuer', (i) => ({ jwks_uri: `${i.url}/keys` })],
    ['names no jwks_uri', (i) => ({ issuer: i.url })],
    [
      'names a jwks_uri that is plain http elsewhere',
      (i) => ({ issuer: i.url, jwks_uri: 'http://keys.example/' }),
    ],
    ['names a jwks_uri that is a file', (i) => ({ issuer: i.url, jwks_uri: 'file:///etc/passwd' })],
    ['is a list', () => []],
    ['is null', () => null],
    [
      'is longer than 128 kB',
      (i) => ({ issuer: i.url, jwks_uri: `${i.url}/keys`, filler: 'x'.repeat(140_000) }),
    ],
  ])('accepts nothing where the metadata %s', async (_name, page) => {
    const issuer = await startIssuer()
    issuer.pages[OPENID] = page(issuer)
    const consumer = consumerOf({ issuer: issuer.url })
    const response = await consumer.bearer(await tokenOf(issuer))
    expect([response.status, response.code, response.principal]).toEqual([503, 'UNAVAILABLE', null])
    expect(issuer.count['/keys']).toBeUndefined()
  })

  it('tells the operator on the console where the metadata is of another issuer', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    const issuer = await startIssuer()
    issuer.pages[OPENID] = { issuer: 'https://evil.example', jwks_uri: `${issuer.url}/keys` }
    const consumer = probe({ methods: [jwt({ issuer: issuer.url, audience: 'api' })], onProblem: undefined })
    await consumer.bearer(await tokenOf(issuer))
    expect(String(printed.mock.calls[0]?.[1])).toContain(
      'the issuer https://evil.example, which is not accepted',
    )
  })

  it('follows no redirect, and waits no longer than its timeout', async () => {
    const issuer = await startIssuer()
    issuer.answer = (_req, res) => void res.writeHead(302, { location: `${issuer.url}/elsewhere` }).end()
    expect(await statusOf(consumerOf({ issuer: issuer.url }), await tokenOf(issuer))).toBe(503)
    expect(issuer.count['/elsewhere']).toBeUndefined()
    issuer.answer = () => {}
    expect(await statusOf(consumerOf({ issuer: issuer.url, timeout: 100 }), await tokenOf(issuer))).toBe(503)
  })

  it.each(['http://127.0.0.1:9200/_search', 'http://localhost/keys', 'http://[::1]/keys'])(
    'does not follow an issuer elsewhere to a service of this machine: %s',
    async (jwks_uri) => {
      const own = await startIssuer()
      const fetched: string[] = []
      const fetch = async (url: unknown) => {
        fetched.push(String(url))
        return Response.json({ issuer: 'https://id.example', jwks_uri })
      }
      const consumer = consumerOf({ issuer: 'https://id.example', fetch: fetch as typeof globalThis.fetch })
      expect(await statusOf(consumer, await tokenOf(own, { iss: 'https://id.example' }))).toBe(503)
      expect(fetched).toEqual([`https://id.example${OPENID}`])
    },
  )

  it('connects to https and to this machine only', () => {
    for (const issuer of [
      'http://id.example',
      'ftp://id.example',
      'id.example',
      'file:///x',
      'https://id.example/?a=1',
      'https://id.example/#a',
    ])
      expect([issuer, () => consumerOf({ issuer })][1]).toThrow(TypeError)
    expect(() => consumerOf({ issuer: 'http://id.example', allowHttp: true })).not.toThrow()
    expect(() => consumerOf({ issuer: ['https://id.example', 'http://other.example'] })).toThrow(TypeError)
  })

  it('tries its addresses in order', () => {
    expect(metadataAddresses('https://id.example/', false)).toEqual([
      `https://id.example${OPENID}`,
      `https://id.example${OAUTH}`,
    ])
    expect(metadataAddresses('https://id.example/a/b', false)).toEqual([
      `https://id.example/a/b${OPENID}`,
      `https://id.example${OAUTH}/a/b`,
      `https://id.example${OPENID}/a/b`,
    ])
    expect(metadataAddresses(`https://id.example/x${OAUTH}`, false)).toEqual([`https://id.example/x${OAUTH}`])
  })
})

describe('a list of issuers', () => {
  it('has the keys of each, and none of another', async () => {
    const [one, two] = [await startIssuer(), await startIssuer()]
    const consumer = consumerOf({ issuer: [one.url, two.url] })
    expect([
      await statusOf(consumer, await tokenOf(one)),
      await statusOf(consumer, await tokenOf(two)),
    ]).toEqual([200, 200])
    // the second one signs as the first
    expect(await statusOf(consumer, await tokenOf(one, {}, two.keys[0]))).toBe(401)
    const third = await startIssuer()
    expect(await statusOf(consumer, await tokenOf(third))).toBe(401)
    expect(third.count).toEqual({})
  })

  it('of which one is down leaves the others', async () => {
    const [one, two] = [await startIssuer(), await startIssuer()]
    one.answer = (_req, res) => void res.writeHead(500).end()
    const consumer = consumerOf({ issuer: [one.url, two.url] })
    expect([
      await statusOf(consumer, await tokenOf(one)),
      await statusOf(consumer, await tokenOf(two)),
    ]).toEqual([503, 200])
  })

  it('may share the metadata of one of them', async () => {
    const google = await startIssuer()
    const consumer = consumerOf({ issuer: [google.url, 'accounts.example'], discovery: google.url })
    expect(await statusOf(consumer, await tokenOf(google))).toBe(200)
    expect(await statusOf(consumer, await tokenOf(google, { iss: 'accounts.example' }))).toBe(200)
  })
})

describe('a pattern of issuers', () => {
  const TENANT = '11111111-2222-3333-4444-555555555555'
  const OTHER = '99999999-2222-3333-4444-555555555555'

  it('accepts every tenant whose id is also in the token, with the keys of all tenants (Microsoft Entra)', async () => {
    const entra = await startIssuer('', `/common/v2.0${OPENID}`)
    const pattern = `${entra.url}/{tenantid}/v2.0`
    entra.pages[`/common/v2.0${OPENID}`] = { issuer: pattern, jwks_uri: `${entra.url}/keys` }
    const consumer = consumerOf({ issuer: pattern })
    const status = async (iss: string, tid: unknown, key?: SigningKey) =>
      statusOf(consumer, await tokenOf(entra, { iss: `${entra.url}${iss}`, tid }, key))
    expect(await status(`/${TENANT}/v2.0`, TENANT)).toBe(200)
    expect(await status(`/${OTHER}/v2.0`, OTHER)).toBe(200)
    for (const [iss, tid] of [
      [`/${TENANT}/v2.0`, OTHER],
      [`/${TENANT}/v2.0`, undefined],
      [`/${TENANT}/v2.0`, null],
      [`/${TENANT}/v2.0/`, TENANT],
      [`/${TENANT}/v1.0`, TENANT],
      [`/x/${TENANT}/v2.0`, TENANT],
      [`//v2.0`, ''],
      [`/a/b/v2.0`, 'a/b'],
      [`/{tenantid}/v2.0`, '{tenantid}'],
    ] as const)
      expect([iss, tid, await status(iss, tid)]).toEqual([iss, tid, 401])
    expect(entra.count[`/common/v2.0${OPENID}`]).toBe(1)
  })

  it('honours the issuer to which a key of the set is restricted', async () => {
    const entra = await startIssuer('', `/common/v2.0${OPENID}`)
    const pattern = `${entra.url}/{tenantid}/v2.0`
    entra.pages[`/common/v2.0${OPENID}`] = { issuer: pattern, jwks_uri: `${entra.url}/keys` }
    const [ofAll, ofOne] = [await makeKey(), await makeKey()]
    Object.assign(ofAll.jwk, { issuer: pattern })
    Object.assign(ofOne.jwk, { issuer: `${entra.url}/${TENANT}/v2.0` })
    entra.keys = [ofAll, ofOne]
    const consumer = consumerOf({ issuer: pattern })
    const status = async (tid: string, key: SigningKey) =>
      statusOf(consumer, await tokenOf(entra, { iss: `${entra.url}/${tid}/v2.0`, tid }, key))
    expect([await status(TENANT, ofAll), await status(OTHER, ofAll)]).toEqual([200, 200])
    expect([await status(TENANT, ofOne), await status(OTHER, ofOne)]).toEqual([200, 401])
  })

  it.each<[string, (own: Issuer) => Parameters<typeof consumerOf>[0]]>([
    ['one issuer', ({ url }) => ({ issuer: url })],
    ['a list', ({ url }) => ({ issuer: [url, 'https://other.example'], discovery: url })],
    ['a function', () => ({ issuer: () => true })],
    ['keys of the app', ({ url, keys }) => ({ issuer: url, jwks: { keys: keys.map(({ jwk }) => jwk) } })],
    ['a key of the app', ({ keys }) => ({ issuer: null, publicKey: keys[0]?.jwk as JsonWebKey })],
  ])('is not needed for the restriction of a key to an issuer, as with %s', async (_, optionsOf) => {
    for (const [restriction, expected] of [
      ['own', 200],
      ['https://other.example', 401],
      ['https://{tenantid}.example', 401],
    ] as const) {
      const own = await startIssuer()
      Object.assign(own.keys[0]?.jwk ?? {}, { issuer: restriction === 'own' ? own.url : restriction })
      const consumer = consumerOf(optionsOf(own))
      expect([restriction, await statusOf(consumer, await tokenOf(own))]).toEqual([restriction, expected])
      if (expected === 401) expect(consumer.reasons).toEqual(['the key is for another issuer'])
    }
  })

  it.each([null, 7, '', ['https://a.example'], {}])(
    'a key whose restriction is malformed is not used: %j',
    async (issuer) => {
      const own = await startIssuer()
      Object.assign(own.keys[0]?.jwk ?? {}, { issuer })
      expect(await statusOf(consumerOf({ issuer: own.url }), await tokenOf(own))).toBe(401)
    },
  )

  it('is no expression: its other characters are literal', () => {
    const fits = issuerMatcher(['https://a.example/{org}/x?y=(1)'])
    expect(fits({ iss: 'https://a.example/o1/x?y=(1)', org: 'o1' })).toBe(true)
    for (const iss of [
      'https://aXexample/o1/x?y=(1)',
      'https://a.example/o1/x',
      'https://a.example/o1/x?y=(1)z',
      'zhttps://a.example/o1/x?y=(1)',
    ])
      expect([iss, fits({ iss, org: 'o1' })]).toEqual([iss, false])
    expect(fits({ iss: `https://a.example/${'o'.repeat(5000)}/x?y=(1)`, org: 'o'.repeat(5000) })).toBe(false)
    expect(issuerMatcher(['https://a.example/{constructor}'])({ iss: 'https://a.example/x' })).toBe(false)
  })

  it('takes the time of one comparison, also where a key of another party is restricted to it', () => {
    // as an expression, four of these would take a minute
    const matches = patternMatcher(`https://a.example/${'{a}'.repeat(20)}!`)
    const iss = `https://a.example/${'a'.repeat(1800)}`
    for (let i = 0; i < 1000; i++) expect(matches(iss, { iss, a: 'a' })).toBe(false)
    expect(patternMatcher('https://{a}{b}.example')('https://xy.example', { a: 'x', b: 'y' })).toBe(true)
  })
})

describe('a function of issuers', () => {
  it('decides, at once or later; the keys of each issuer are discovered', async () => {
    const [one, two, evil] = [await startIssuer('/t/1'), await startIssuer('/t/2'), await startIssuer('/t/3')]
    const called: string[] = []
    for (const later of [false, true]) {
      const consumer = consumerOf({
        issuer: (iss) => {
          called.push(iss)
          const isKnown = iss === one.url || iss === two.url
          return later ? Promise.resolve(isKnown) : isKnown
        },
      })
      expect([
        await statusOf(consumer, await tokenOf(one)),
        await statusOf(consumer, await tokenOf(two)),
      ]).toEqual([200, 200])
      expect(await statusOf(consumer, await tokenOf(evil))).toBe(401)
      expect(await statusOf(consumer, await tokenOf(one, {}, two.keys[0]))).toBe(401)
      expect(await statusOf(consumer, await tokenOf(one, { iss: undefined }))).toBe(401)
    }
    expect(evil.count).toEqual({})
    expect(new Set(called)).toEqual(new Set([one.url, two.url, evil.url]))
  })

  it.each([false, true])('decides on a cached token as well (later: %s)', async (isLater) => {
    const own = await startIssuer()
    let answer: unknown = true
    const consumer = consumerOf({
      issuer: (() => (isLater ? Promise.resolve(answer) : answer)) as (iss: string) => boolean,
      cacheSize: 10,
    })
    const token = await tokenOf(own)
    const statuses: number[] = []
    for (const one of [true, true, false, true, 'true', problem('UNAVAILABLE'), true]) {
      answer = one
      statuses.push(await statusOf(consumer, token))
    }
    expect(statuses).toEqual([200, 200, 401, 200, 401, 503, 200])
  })

  it('that accepts an issuer to which the guard does not connect is a refusal', async () => {
    const issuer = await startIssuer()
    const consumer = consumerOf({ issuer: () => true })
    for (const iss of ['http://10.0.0.7/', 'file:///etc/passwd', 'nothing', 'https://x.example/?a'])
      expect([iss, await statusOf(consumer, await tokenOf(issuer, { iss }))]).toEqual([iss, 401])
  })

  it('may be combined with keys of the app', async () => {
    const issuer = await startIssuer()
    const consumer = consumerOf({
      issuer: (iss) => iss.startsWith('http://127.0.0.1'),
      jwks: { keys: issuer.keys.map(({ jwk }) => jwk) },
    })
    expect(await statusOf(consumer, await tokenOf(issuer))).toBe(200)
    expect(await statusOf(consumer, await tokenOf(issuer, { iss: 'http://10.0.0.7' }))).toBe(401)
    expect(issuer.count).toEqual({})
  })
})
