import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Principal, systemCall } from '../../call.ts'
import { later } from '../../clock.ts'
import type { LimitStore } from '../../limits/index.ts'
import { limitsInMemory } from '../../limits/memory.ts'
import type { Row } from '../row/route.ts'
import { download, page, route, type Serving, serve, signedInAs, stream } from '../testing.ts'
import { requestCounter } from './limit.ts'

const base = { method: 'GET', quiet: 'a test', tag: 'Test', input: z.object({}), summary: 'Test' } as const
const api = { ...base, output: z.null(), run: async () => ({ data: null }) } as const
const rows: Row[] = [
  route({ ...api, name: 'plain', path: '/api/v1/plain', open: 'a test' }),
  route({ ...api, name: 'few', path: '/api/v1/few', open: 'a test', limit: { by: 'ip', max: 3, per: '10m' } }),
  route({ ...api, name: 'user', path: '/api/v1/user', needs: 'session', limit: { by: 'user', max: 2, per: '1h' } }),
  route({ ...api, name: 'both', path: '/api/v1/both', open: 'a test', limit: [{ by: 'ip', max: 5, per: '1h' }, { by: 'ip', max: 2, per: '1m' }] }),
  page({ ...base, name: 'form', method: 'POST', path: '/form', needs: 'session', run: async () => ({ redirect: '/' }) }),
  page({ ...base, name: 'page', path: '/page', open: 'a test', run: async () => ({ redirect: '/' }) }),
] // biome-ignore format: a table

const inMemory = () => {
  const limits = limitsInMemory()
  const config = { rateLimits: 'standard' } as const
  return {
    limits: { usual: limits, exact: limits },
    config,
    challenges: null,
    refusals: () => ({ add() {} }),
  }
}
const start = (rateLimits: 'standard' | 'single' | 'off', trustedProxies: string[] = []) =>
  serve(rows, { config: { rateLimits, trustedProxies } })
const statuses = async (
  server: Serving,
  path: string,
  times: number,
  headers: Record<string, string> = {},
) => {
  const all: number[] = []
  for (let i = 0; i < times; i++) all.push((await server.ask(path, { headers })).status)
  return all
}
const times = (n: number, status: number) => Array.from({ length: n }, () => status)

describe('the limit of a row', () => {
  it('is in the headers of every answer, and a 429 has Retry-After', async () => {
    const server = await start('standard')
    const { headers } = await server.ask('/api/v1/few')
    const now = server.clock.now().getTime() / 1000
    expect(['limit', 'remaining', 'window'].map((name) => headers.get(`x-ratelimit-${name}`))).toEqual([
      '3',
      '2',
      '600',
    ])
    // seconds since the epoch
    expect(Number(headers.get('x-ratelimit-reset'))).toBeGreaterThan(now + 590)
    expect(Number(headers.get('x-ratelimit-reset'))).toBeLessThan(now + 610)
    await statuses(server, '/api/v1/few', 2)
    const refused = await server.ask('/api/v1/few')
    expect([refused.status, refused.json.error.code, refused.json.error.type]).toEqual([
      429,
      'RATE_LIMIT_EXCEEDED',
      'RATE_LIMIT_EXCEEDED',
    ])
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0')
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(590)
    server.clock.advance(wait * 1000)
    expect((await server.ask('/api/v1/few')).status).toBe(200)
  })

  it('names every window in the fields of the IETF draft, and the longest one in X-RateLimit-*', async () => {
    const server = await start('standard')
    const of = async () => {
      const { headers } = await server.ask('/api/v1/both')
      const names = [
        'ratelimit-policy',
        'ratelimit',
        'x-ratelimit-limit',
        'x-ratelimit-window',
        'retry-after',
      ]
      return names.map((name) => headers.get(name))
    }
    const policy = '"ip-1m";q=2;w=60, "ip-1h";q=5;w=3600'
    expect(await of()).toEqual([policy, '"ip-1m";r=1;t=60, "ip-1h";r=4;t=3600', '5', '3600', null])
    expect(await of()).toEqual([
      policy,
      expect.stringMatching(/^"ip-1m";r=0;t=\d+, "ip-1h";r=3;t=\d+$/),
      '5',
      '3600',
      null,
    ])
    // the minute refuses
    const wait = expect.stringMatching(/^(?:60|59)$/)
    expect(await of()).toEqual([
      '"ip-1m";q=2;w=60',
      expect.stringMatching(/^"ip-1m";r=0;t=\d+$/),
      '2',
      '60',
      wait,
    ])
  })

  it('of a longer window does not count what a shorter one refuses', async () => {
    const server = await start('standard')
    expect(await statuses(server, '/api/v1/both', 30)).toEqual([200, 200, ...times(28, 429)])
    server.clock.advance(60_000)
    expect(await statuses(server, '/api/v1/both', 3)).toEqual([200, 200, 429])
    server.clock.advance(60_000)
    const [first, second] = [await server.ask('/api/v1/both'), await server.ask('/api/v1/both')]
    expect([first.status, second.status, second.headers.get('x-ratelimit-limit')]).toEqual([200, 429, '5'])
    expect(second.headers.get('ratelimit')).toMatch(/^"ip-1m";r=\d;t=\d+, "ip-1h";r=0;t=\d+$/)
  })

  it('is counted by user and by row', async () => {
    const server = await start('standard')
    expect(await statuses(server, '/api/v1/user', 3, signedInAs('ada'))).toEqual([200, 200, 429])
    expect(await statuses(server, '/api/v1/user', 1, signedInAs('ben'))).toEqual([200])
    expect(await statuses(server, '/api/v1/few', 1)).toEqual([200])
  })

  it('may be several, of which the tightest decides', async () => {
    const server = await start('standard')
    expect(await statuses(server, '/api/v1/both', 3)).toEqual([200, 200, 429])
    server.clock.advance(60_000)
    expect(await statuses(server, '/api/v1/both', 3)).toEqual([200, 200, 429])
    server.clock.advance(60_000)
    expect(await statuses(server, '/api/v1/both', 2)).toEqual([200, 429])
  })

  it('is one limit for all forms of an X-Forwarded-For that is no address', async () => {
    const server = await start('standard', ['127.0.0.1'])
    const answers: number[] = []
    for (const forwarded of ['unknown', '_a', '1.1.1.1, x', '999.1.1.1', '0x7f.1', 'a'.repeat(4000)])
      answers.push(...(await statuses(server, '/api/v1/few', 1, { 'x-forwarded-for': forwarded })))
    expect(answers).toEqual([200, 200, 200, 429, 429, 429])
    // of a sender that is no trusted proxy, addresses are ignored as well
    const open = await start('standard')
    expect(await statuses(open, '/api/v1/few', 1, { 'x-forwarded-for': '192.0.2.1' })).toEqual([200])
    for (const ip of ['192.0.2.2', '192.0.2.3', '192.0.2.4'])
      answers.push(...(await statuses(open, '/api/v1/few', 1, { 'x-forwarded-for': ip })))
    expect(answers.slice(6)).toEqual([200, 200, 429])
  })

  it('is counted by address, IPv6 by its /64', async () => {
    const server = await start('standard', ['127.0.0.1'])
    const from = (ip: string) => statuses(server, '/api/v1/few', 4, { 'x-forwarded-for': ip })
    expect(await from('203.0.113.1')).toEqual([200, 200, 200, 429])
    expect(await from('203.0.113.2')).toEqual([200, 200, 200, 429])
    expect(await from('2001:db8:1:2:3::4')).toEqual([200, 200, 200, 429])
    expect(await from('2001:db8:1:2:ffff::5')).toEqual(times(4, 429))
    expect(await from('2001:db8:1:3::1')).toEqual([200, 200, 200, 429])
  })
})

describe('the limits by method of authentication', () => {
  it('standard: 10 a minute without a credential, 50 for sessions, forms included; displaying a page only by its own limits', async () => {
    const server = await start('standard')
    const { headers } = await server.ask('/api/v1/plain')
    expect([headers.get('x-ratelimit-limit'), headers.get('ratelimit-policy')]).toEqual([
      '100',
      '"ip-1m";q=10;w=60, "ip-1h";q=100;w=3600',
    ])
    expect(await statuses(server, '/api/v1/plain', 10)).toEqual([...times(9, 200), 429])
    expect(await statuses(server, '/api/v1/plain', 51, signedInAs('ada'))).toEqual([...times(50, 200), 429])
    // the form is refused before its CSRF token is missed
    const form = { method: 'POST', headers: signedInAs('ada') }
    expect((await server.ask('/form', form)).status).toBe(429)
    expect((await server.ask('/form', { ...form, headers: signedInAs('ben') })).status).toBe(403)
    expect(await statuses(server, '/page', 30)).toEqual(times(30, 303))
    expect(await statuses(server, '/healthz', 30)).toEqual(times(30, 200))
  })

  it('standard: 100 a minute and 5000 an hour for API keys', async () => {
    const server = await start('standard')
    const key = { 'x-api-key': 'lk_live_ada' }
    expect(await statuses(server, '/api/v1/plain', 101, key)).toEqual([...times(100, 200), 429])
    expect((await server.ask('/api/v1/plain', { headers: signedInAs('ada') })).status).toBe(200)
    const count = requestCounter(rows[0] as Row, inMemory())
    const call = systemCall(new Date('2030-06-01T12:00:00Z'))
    const principal = { method: 'api_key', userId: 'usr_1', keyId: 'key_1' } as Principal
    const ask = (n: number, who: Principal) =>
      count?.({ ...call, principal: who, now: later(call.now, n * 700) }, [])
    for (let n = 0; n < 5000; n++) ask(n, principal)
    expect(() => ask(5000, principal)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ limit: 5000 }) }),
    )
    expect(() => ask(5000, { ...principal, keyId: 'key_2' })).not.toThrow()
  })

  it('standard: 100 an hour without a credential', async () => {
    const server = await start('standard')
    for (let minute = 0; minute < 10; minute++) {
      expect(await statuses(server, '/api/v1/plain', 10)).toEqual(times(10, 200))
      server.clock.advance(60_000)
    }
    const { status, headers } = await server.ask('/api/v1/plain')
    expect([status, headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-window')]).toEqual([
      429,
      '100',
      '3600',
    ])
  })

  it.each([
    ['without a credential', {}],
    ['for a session', signedInAs('ada')],
    ['for an API key', { 'x-api-key': 'lk_live_ada' }],
  ])('single: 100 a minute %s', async (_who, headers) => {
    const server = await start('single')
    expect(await statuses(server, '/api/v1/plain', 101, headers as Record<string, string>)).toEqual([
      ...times(100, 200),
      429,
    ])
    const { headers: sent } = await server.ask('/api/v1/plain', {
      headers: headers as Record<string, string>,
    })
    expect([sent.get('x-ratelimit-limit'), sent.get('x-ratelimit-window')]).toEqual(['100', '60'])
  })

  it('off: no counting and no headers', async () => {
    const server = await start('off')
    expect(await statuses(server, '/api/v1/few', 20)).toEqual(times(20, 200))
    expect((await server.ask('/api/v1/few')).headers.has('x-ratelimit-limit')).toBe(false)
  })
})

describe('limits in an asynchronous store', () => {
  /** Answers asynchronously, like a store behind a socket; rejects while it is unreachable. */
  function elsewhere() {
    const memory = limitsInMemory()
    const store: LimitStore = {
      take: async (...asked) => {
        await new Promise((answered) => setTimeout(answered, 1))
        if (state.away) throw new Error('the connection is closed')
        return memory.take(...asked)
      },
    }
    const state = { away: false, store }
    return state
  }
  const started = (state: ReturnType<typeof elsewhere>) =>
    serve([...rows, ...otherKinds], { config: { rateLimits: 'standard' }, store: state.store })
  const limit = { by: 'ip', max: 2, per: '1h' } as const
  const otherKinds: Row[] = [
    page({ ...base, name: 'counted', path: '/counted', open: 'a test', limit, run: async () => ({ redirect: '/' }) }),
    stream({ ...base, name: 'stream', path: '/api/v1/stream', open: 'a test', limit, run: async (_call, _input, line) => line.end() }),
    download({ ...base, name: 'file', path: '/api/v1/file', open: 'a test', limit, output: z.string(), types: ['text/plain'], run: async () => ({ type: 'text/plain', name: 'a.txt', pieces: pieces() }) }),
  ] // biome-ignore format: a table
  async function* pieces() {
    yield 'all of it'
  }

  it('have the same headers and refusals', async () => {
    const server = await started(elsewhere())
    const { headers } = await server.ask('/api/v1/few')
    expect([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]).toEqual(['3', '2'])
    expect(await statuses(server, '/api/v1/few', 3)).toEqual([200, 200, 429])
    expect(await statuses(server, '/api/v1/both', 3)).toEqual([200, 200, 429])
  })

  it('refuse before `run` of a row of any kind', async () => {
    const server = await started(elsewhere())
    expect(await statuses(server, '/counted', 3)).toEqual([303, 303, 429])
    expect(await statuses(server, '/api/v1/stream', 3)).toEqual([200, 200, 429])
    expect(await statuses(server, '/api/v1/file', 3)).toEqual([200, 200, 429])
  })

  it('are counted in memory, from the last known values, while the store does not answer; with one log line', async () => {
    const state = elsewhere()
    const server = await started(state)
    expect(await statuses(server, '/api/v1/few', 1)).toEqual([200])
    state.away = true
    expect(await statuses(server, '/api/v1/few', 4)).toEqual([200, 200, 429, 429])
    expect(server.logged).toMatchObject([
      { level: 'warn', message: 'the rate limit store is unreachable: each node counts separately' },
    ])
    state.away = false
    // what this node has allowed is not allowed once more by a store that did not see it
    expect(await statuses(server, '/api/v1/few', 1)).toEqual([429])
    server.clock.advance(600_000)
    expect(await statuses(server, '/api/v1/few', 4)).toEqual([200, 200, 200, 429])
    expect(server.logged.slice(1)).toMatchObject([
      { level: 'info', message: 'the rate limit store is reachable again' },
    ])
  })

  it('need no promise if the store is in this process', () => {
    const count = requestCounter(rows[1] as Row, inMemory())
    const headers: string[] = []
    expect(count?.(systemCall(new Date('2030-06-01T12:00:00Z')), headers)).toBeUndefined()
    expect(headers).toContain('x-ratelimit-remaining')
  })
})
