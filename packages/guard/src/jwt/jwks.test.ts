/**
 * Remote JWK sets: single-flight, caching by headers, bounded refetching, and continued use while the server is down.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jwt } from '../index.ts'
import { type Counterpart, makeKey, type SigningKey, startCounterpart } from '../testing/counterpart.ts'
import { type Probe, probe } from '../testing/probe.ts'
import { until } from '../testing/waiting.ts'

const JWKS = '/.well-known/jwks.json'
let server: Counterpart
let time: number
let consumer: Probe

beforeEach(async () => {
  server = await startCounterpart()
  time = Date.now()
  consumer = make()
})
afterEach(() => server.close())

const make = (): Probe =>
  probe({
    methods: [jwt({ jwks: `${server.issuer}${JWKS}`, issuer: server.issuer, audience: server.issuer })],
    now: () => time,
  })
const fetched = (): number => server.count[JWKS] ?? 0
const statusOf = async (token: string): Promise<number> => (await consumer.bearer(token)).status
/** Valid for a day, so that the clock can be advanced. */
const lasting = (key?: SigningKey, more: Record<string, unknown> = {}) =>
  server.token({ exp: Math.floor(time / 1000) + 86_400, ...more }, {}, key)

describe('a published key set', () => {
  it('is fetched once for a hundred callers at the same moment', async () => {
    const tokens = await Promise.all(Array.from({ length: 100 }, () => lasting()))
    const statuses = await Promise.all(tokens.map(statusOf))
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(fetched()).toBe(1)
  })

  it('is cached as long as its headers say, less its Age', async () => {
    server.jwksHeaders = { 'cache-control': 'public, max-age=600', age: '300' }
    await statusOf(await lasting())
    time += 230_000
    await statusOf(await lasting())
    expect(fetched()).toBe(1)
    time += 80_000
    expect(await statusOf(await lasting())).toBe(200)
    expect(fetched()).toBe(2)
  })

  it.each(['no-store', 'max-age=0', 'no-cache, max-age=600'])(
    'is not fetched for every token under %s',
    async (control) => {
      server.jwksHeaders = { 'cache-control': control }
      for (let i = 0; i < 5; i++) await statusOf(await lasting())
      expect(fetched()).toBe(1)
      time += 31_000
      await statusOf(await lasting())
      expect(fetched()).toBe(2)
    },
  )

  it('is refetched before it expires, while the cached keys remain in use', async () => {
    await statusOf(await lasting())
    time += 250_000
    expect(await statusOf(await lasting())).toBe(200)
    await until(() => fetched() === 2)
    expect(await statusOf(await lasting())).toBe(200)
    expect(fetched()).toBe(2)
  })

  it('is refetched for an unknown kid, at most once in 30 seconds', async () => {
    await statusOf(await lasting())
    const next = await makeKey()
    server.keys.push(next)
    expect(await Promise.all([statusOf(await lasting(next)), statusOf(await lasting(next))])).toEqual([
      200, 200,
    ])
    expect(fetched()).toBe(2)
    for (let i = 0; i < 20; i++) expect(await statusOf(await lasting(await makeKey()))).toBe(401)
    expect(fetched()).toBe(2)
    time += 31_000
    for (let i = 0; i < 20; i++) await statusOf(await lasting(await makeKey()))
    expect(fetched()).toBe(3)
  })

  it('refuses a cached token once its key is removed', async () => {
    const [old] = server.keys
    const token = await lasting(old)
    expect(await statusOf(token)).toBe(200)
    server.keys = [await makeKey()]
    time += 301_000
    expect(await statusOf(token)).toBe(401)
  })

  it('remains in use while its server is down, for an hour at most', async () => {
    const token = await lasting()
    expect(await statusOf(token)).toBe(200)
    await server.fall()
    for (const minutes of [6, 20, 20, 15]) {
      time += minutes * 60_000
      expect(await statusOf(token)).toBe(200)
      expect(await statusOf(await lasting())).toBe(200)
    }
    time += 20 * 60_000
    const response = await consumer.bearer(token)
    expect([response.status, response.code, response.headers.get('retry-after')]).toEqual([
      503,
      'UNAVAILABLE',
      '5',
    ])
    await server.rise()
    time += 16_000
    expect(await statusOf(token)).toBe(200)
  })

  it('that was never fetched is a 503, and is retried a second later', async () => {
    await server.fall()
    const token = await lasting()
    expect(await statusOf(token)).toBe(503)
    await server.rise()
    expect(await statusOf(token)).toBe(503)
    time += 1100
    expect(await statusOf(token)).toBe(200)
  })

  it('is reported to onProblem when it cannot be fetched', async () => {
    await server.fall()
    await statusOf(await lasting())
    expect(consumer.problems[0]?.cause).toBeInstanceOf(Error)
  })

  it.each([
    ['a redirect', (url: string) => ({ status: 302, headers: { location: url }, body: '' })],
    ['a page of errors', () => ({ status: 500, headers: {}, body: '{"keys":[]}' })],
    ['no JSON', () => ({ status: 200, headers: {}, body: '<html>' })],
    ['another object', () => ({ status: 200, headers: {}, body: '{"key":1}' })],
    [
      'more than 256 kB',
      (url: string) => ({ status: 200, headers: {}, body: `${' '.repeat(300_000)}${url}` }),
    ],
    [
      'a thousand keys',
      () => ({ status: 200, headers: {}, body: JSON.stringify({ keys: Array(1000).fill({}) }) }),
    ],
    ['nothing at all', () => null],
  ] as const)('that is %s is not believed', async (_name, answer) => {
    const bad = createServer((_req, res) => {
      const response = answer(`${server.issuer}${JWKS}`)
      if (response) res.writeHead(response.status, response.headers).end(response.body)
    })
    await new Promise<void>((resolve) => bad.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(bad.address() as AddressInfo).port}/`
    const hostile = probe({
      methods: [jwt({ jwks: url, issuer: server.issuer, audience: server.issuer, timeout: 300 })],
    })
    expect((await hostile.bearer(await server.token())).status).toBe(503)
    expect(fetched()).toBe(0)
    bad.close()
    bad.closeAllConnections()
  })

  it('ignores keys that are not for verification, private, symmetric or unknown', async () => {
    const [good] = server.keys as [SigningKey]
    const others: Record<string, unknown>[] = [
      { kty: 'oct', k: 'c2VjcmV0'.repeat(8), alg: 'HS256', kid: 'oct' },
      { kty: 'XYZ', kid: 'xyz' },
      { ...good.jwk, kid: 'enc', use: 'enc' },
      { ...good.jwk, kid: 'wrap', key_ops: ['encrypt'] },
      { ...good.jwk, kid: 'wrong-alg', alg: 'RS256' },
      { ...good.jwk, kid: 'private', d: good.jwk.x },
      { ...good.jwk, kid: 'off-curve', y: good.jwk.x },
      { kid: 'nothing' },
    ]
    const published = await makeKey()
    server.keys = [...others.map((jwk) => ({ ...published, jwk })), good]
    expect(await statusOf(await lasting(good))).toBe(200)
    for (const { kid } of others)
      expect([kid, await statusOf(await server.token({}, { kid: String(kid) }, good))]).toEqual([kid, 401])
  })

  it.each(['ES256', 'RS256', 'EdDSA'] as const)('verifies %s', async (alg) => {
    server.keys = [await makeKey(alg)]
    expect(await statusOf(await lasting())).toBe(200)
  })

  it('accepts a token without a kid only where the key is unambiguous', async () => {
    expect(await statusOf(await server.token({}, { kid: undefined }))).toBe(200)
    server.keys.push(await makeKey())
    consumer = make()
    expect(await statusOf(await server.token({}, { kid: undefined }))).toBe(401)
    expect(consumer.reasons).toEqual(['several keys fit, and the header has no kid'])
  })

  it('names the cause where no key is used: another algorithm, or one kid for several keys', async () => {
    const [key, other, rsa] = [await makeKey(), await makeKey(), await makeKey('RS256')]
    server.keys = [key, other, rsa]
    Object.assign(other.jwk, { kid: key.jwk.kid })
    expect(await statusOf(await server.token({}, {}, key))).toBe(401)
    expect(await statusOf(await server.token({}, { kid: rsa.jwk.kid as string }, key))).toBe(401)
    expect(consumer.reasons).toEqual(['several keys have this kid', 'the key is bound to another algorithm'])
  })
})
