import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { page, route, type Serving, serve } from '../testing.ts'
import { addressKey } from './address.ts'

const LIMIT = { by: 'ip', max: 3, per: '10m', exact: true } as const
const base = {
  method: 'POST',
  quiet: 'a test',
  open: 'a test',
  tag: 'Test',
  summary: 'Test',
  limit: LIMIT,
} as const
const rows = [
  route({ ...base, name: 'sign_in', path: '/api/v1/sign-in', input: z.object({ name: z.string().optional() }), output: z.null(), run: async () => ({ data: null }) }),
  route({ ...base, name: 'sign_up', path: '/api/v1/sign-up', input: z.object({}), output: z.null(), run: async () => ({ data: null }) }),
  route({ ...base, name: 'usual', path: '/api/v1/usual', limit: { by: 'ip', max: 1, per: '10m' }, input: z.object({}), output: z.null(), run: async () => ({ data: null }) }),
  page({
    ...base,
    name: 'form',
    path: '/form',
    input: z.object({ name: z.string() }),
    run: async () => ({ redirect: '/done' }),
    redisplay: async (_call, typed, failed) => ({ page: { props: { children: JSON.stringify({ typed, details: failed.details }) } } as never, title: 'Again', status: failed.status }),
  }),
] // biome-ignore format: a table

const start = (challenge: 'on' | 'off' = 'on') =>
  serve(rows, { config: { rateLimits: 'standard', challenge, trustedProxies: ['127.0.0.1'] } })

interface Offer {
  challenge: string
  difficulty: number
}

/** By an implementation that is not the server's. */
const isSolved = ({ challenge, difficulty }: Offer, nonce: number): boolean =>
  hash('sha256', `${challenge}.${nonce}`, 'buffer').readUInt32BE(0) >>> (32 - difficulty) === 0

function solve(offer: Offer, from = 0): string {
  let nonce = from
  while (!isSolved(offer, nonce)) nonce++
  return `${offer.challenge}.${nonce}`
}

const ADDRESS = '192.0.2.1'
const post = (server: Serving, path: string, headers: Record<string, string> = {}) =>
  server.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': ADDRESS, ...headers },
    body: '{}',
  })
async function useUp(server: Serving, path = '/api/v1/sign-in', headers: Record<string, string> = {}) {
  for (let i = 0; i < LIMIT.max; i++) expect((await post(server, path, headers)).status).toBe(200)
}
const refusedOffer = async (server: Serving, path = '/api/v1/sign-in', headers = {}): Promise<Offer> => {
  const { status, json } = await post(server, path, headers)
  expect(status).toBe(429)
  return json.error.details.challenge
}
const withSolution = (solution: string, headers: Record<string, string> = {}) => ({
  'x-latchkey-challenge': solution,
  ...headers,
})

describe('a challenge', () => {
  it('is in the 429 of a sensitive operation, beside the time to wait', async () => {
    const server = await start()
    await useUp(server)
    const { status, headers, json } = await post(server, '/api/v1/sign-in')
    expect([status, headers.get('retry-after')]).toEqual([429, '600'])
    expect(json.error.details).toEqual({
      limit: 3,
      window: 600,
      retry_after: 600,
      challenge: {
        challenge: expect.stringMatching(/^[\w-]{47}$/),
        difficulty: 16,
        algorithm: 'sha-256',
        expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    })
  })

  it('when solved, lets a request count in a second window of the same size, each with one; then plain 429', async () => {
    const server = await start()
    await useUp(server)
    for (let i = 0; i < LIMIT.max; i++) {
      const { status, headers } = await post(
        server,
        '/api/v1/sign-in',
        withSolution(solve(await refusedOffer(server))),
      )
      expect([status, headers.get('x-ratelimit-remaining')]).toEqual([200, `${LIMIT.max - 1 - i}`])
      expect(headers.get('ratelimit')).toMatch(/^"ip-10m";r=\d;t=\d+$/)
    }
    const full = await post(server, '/api/v1/sign-in')
    expect([full.status, Object.keys(full.json.error.details)]).toEqual([
      429,
      ['limit', 'window', 'retry_after'],
    ])
    // both windows pass
    server.clock.advance(600_000)
    expect((await post(server, '/api/v1/sign-in')).status).toBe(200)
  })

  it('is used once, by one of 100 parallel requests', async () => {
    const server = await start()
    await useUp(server)
    const solution = solve(await refusedOffer(server))
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => post(server, '/api/v1/sign-in', withSolution(solution))),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.json.error.details.challenge).toBeDefined()
  })

  it('has one use in all spellings of its text, and with every nonce', async () => {
    const server = await start()
    await useUp(server)
    const offer = await refusedOffer(server)
    const first = solve(offer)
    const second = solve(offer, Number(first.split('.')[1]) + 1)
    // the last character has unused bits
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(offer.challenge.at(-1) ?? '')
    const twin = offer.challenge.slice(0, -1) + alphabet[last ^ 1]
    const third = solve({ ...offer, challenge: twin })
    expect((await post(server, '/api/v1/sign-in', withSolution(first))).status).toBe(200)
    for (const again of [first, second, third])
      expect((await post(server, '/api/v1/sign-in', withSolution(again))).status).toBe(429)
  })

  it('is refused at another address, for another operation, after its time, changed, unsolved, or made up', async () => {
    const server = await start()
    const other = { 'x-forwarded-for': '192.0.2.99' }
    await useUp(server)
    await useUp(server, '/api/v1/sign-up')
    await useUp(server, '/api/v1/sign-in', other)
    const offer = await refusedOffer(server)
    const solution = solve(offer)
    const [, nonce] = solution.split('.') as [string, string]
    const changed = Buffer.from(offer.challenge, 'base64url')
    // an easier one
    changed[18] = 1
    const easy = changed.toString('base64url')
    const bad: [path: string, solution: string, headers?: Record<string, string>][] = [
      ['/api/v1/sign-in', solution, other],
      ['/api/v1/sign-up', solution],
      ['/api/v1/sign-in', solve({ challenge: easy, difficulty: 1 })],
      ['/api/v1/sign-in', `${offer.challenge}.${unsolved(offer)}`],
      ['/api/v1/sign-in', offer.challenge],
      ['/api/v1/sign-in', `${offer.challenge}.${nonce}.${nonce}`],
      ['/api/v1/sign-in', `${offer.challenge}.${'0'.repeat(33)}`],
      ['/api/v1/sign-in', `${offer.challenge.slice(1)}.${nonce}`],
      ['/api/v1/sign-in', solve({ challenge: 'A'.repeat(47), difficulty: 16 })],
      ['/api/v1/sign-in', ''],
      ['/api/v1/sign-in', 'x'.repeat(5000)],
    ]
    for (const [path, sent, headers] of bad)
      expect((await post(server, path, withSolution(sent, headers))).status, sent.slice(0, 90)).toBe(429)
    server.clock.advance(600_000 - 1)
    const late = solve(await offeredAt(server))
    server.clock.advance(600_000)
    await useUp(server)
    expect((await post(server, '/api/v1/sign-in', withSolution(late))).status).toBe(429)
    expect((await post(server, '/api/v1/sign-in', withSolution(solution))).status).toBe(429)
  })

  it('is the same for all addresses of an IPv6 network', async () => {
    const server = await start()
    const at = (host: string) => ({ 'x-forwarded-for': `2001:db8:1:2::${host}` })
    expect(addressKey('2001:db8:1:2::5')).toBe(addressKey('2001:db8:1:2::6'))
    await useUp(server, '/api/v1/sign-in', at('5'))
    const solution = solve(await refusedOffer(server, '/api/v1/sign-in', at('5')))
    expect((await post(server, '/api/v1/sign-in', withSolution(solution, at('6')))).status).toBe(200)
  })

  it('becomes harder with each doubling of what the address has solved', async () => {
    const server = await start()
    const difficulties: number[] = []
    for (let turn = 0; turn < 2; turn++) {
      await useUp(server)
      for (let i = 0; i < LIMIT.max; i++) {
        const offer = await refusedOffer(server)
        difficulties.push(offer.difficulty)
        expect((await post(server, '/api/v1/sign-in', withSolution(solve(offer)))).status).toBe(200)
      }
      server.clock.advance(600_000)
    }
    expect(difficulties).toEqual([16, 17, 17, 18, 18, 18])
    server.clock.advance(3_600_000)
    await useUp(server)
    expect((await refusedOffer(server)).difficulty).toBe(16)
  })

  it('that was fetched ahead is solved at the difficulty of its use, of which one step may be missing', async () => {
    const server = await start()
    await useUp(server)
    await useUp(server, '/api/v1/sign-up')
    const ahead = await refusedOffer(server, '/api/v1/sign-up')
    for (let i = 0; i < LIMIT.max; i++) {
      const sent = withSolution(solve(await refusedOffer(server)))
      expect((await post(server, '/api/v1/sign-in', sent)).status).toBe(200)
    }
    const harder = { ...ahead, difficulty: 17 }
    let [nonce, enough] = [0, 0]
    while (!isSolved(ahead, nonce) || isSolved(harder, nonce)) nonce++
    while (!isSolved(harder, enough)) enough++
    const send = (one: number) =>
      post(server, '/api/v1/sign-up', withSolution(`${ahead.challenge}.${one}`)).then(({ status }) => status)
    expect([await send(nonce), await send(enough)]).toEqual([429, 200])
  })

  it('is needless where the limit is not reached, and never accepted for other operations or signed-in callers', async () => {
    const server = await start()
    expect((await post(server, '/api/v1/sign-in', withSolution('nonsense'))).status).toBe(200)
    expect((await post(server, '/api/v1/usual')).status).toBe(200)
    const { json } = await post(server, '/api/v1/usual')
    expect(json.error.details).not.toHaveProperty('challenge')
    const key = { 'x-api-key': 'lk_live_ada' }
    await useUp(server, '/api/v1/sign-up', key)
    expect((await post(server, '/api/v1/sign-up', key)).json.error.details).not.toHaveProperty('challenge')
  })

  it('is not offered where challenges are off', async () => {
    const server = await start('off')
    await useUp(server)
    expect((await post(server, '/api/v1/sign-in')).json.error.details).not.toHaveProperty('challenge')
  })
})

/** A challenge that was offered now, after the first window has been used up. */
async function offeredAt(server: Serving): Promise<Offer> {
  for (;;) {
    const { status, json } = await post(server, '/api/v1/sign-in')
    if (status === 429) return json.error.details.challenge
  }
}

function unsolved(offer: Offer): number {
  let nonce = 0
  while (isSolved(offer, nonce)) nonce++
  return nonce
}

describe('a challenge in a form', () => {
  const send = (server: Serving, fields: Record<string, string>, cookie = '') =>
    server.ask('/form', {
      method: 'POST',
      headers: { 'x-forwarded-for': ADDRESS, 'content-type': 'application/x-www-form-urlencoded', cookie },
      body: new URLSearchParams(fields).toString(),
    })
  /** The form is displayed again with what was typed, and with the challenge. */
  const shownIn = (text: string) => JSON.parse(/<p data-status="\d+">(.*)<\/p>/.exec(text)?.[1] ?? '{}')

  it('is in the form that is displayed again, and its solution is a field', async () => {
    const server = await start()
    for (let i = 0; i < LIMIT.max; i++) await send(server, { name: 'Ada' })
    const refused = await send(server, { name: 'Ada' })
    expect(refused.status).toBe(429)
    const { typed, details } = shownIn(refused.text)
    expect(typed).toEqual({ name: 'Ada' })
    // the limit lets it through: the form's token, which this test does not send, is missed next
    const solution = solve(details.challenge)
    expect((await send(server, { name: 'Ada', challenge: solution })).status).toBe(403)
    expect((await send(server, { name: 'Ada', challenge: solution })).status).toBe(429)
    expect((await send(server, { name: 'Ada', challenge: 'x' })).status).toBe(429)
  })

  it('of a form that cannot be read is the refusal by the limit', async () => {
    const server = await start()
    for (let i = 0; i < LIMIT.max; i++) await send(server, { name: 'Ada' })
    const { status } = await server.ask('/form', {
      method: 'POST',
      headers: { 'x-forwarded-for': ADDRESS, 'content-type': 'text/plain' },
      body: 'challenge=1',
    })
    expect(status).toBe(429)
  })
})
