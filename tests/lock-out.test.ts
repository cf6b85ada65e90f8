/**
 * Lock-out while 500 guesses arrive at once, through the whole server: as many outcomes are answered as the limit
 * permits, however much is shed, and the account is locked afterwards.
 *
 * A machine that is busy sheds: a transaction that gets no connection for five seconds (base/db/pool.ts), or a hash
 * beyond the queue (base/hashing/queue.ts), is answered 503, right or wrong. Such a guess has no outcome and is not counted.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Config } from '../packages/server/src/config.ts'
import { enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import type { Reply } from '../packages/server/src/testing/client.ts'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

const GUESSES = 500

let world: World
const start = async (more: Partial<Config> = {}) => {
  // the address of each guess is the test's, and a frozen database is noticed as in production
  world = await startWorld({ trustedProxies: ['127.0.0.1/32'], databaseTimeout: 2000, ...more })
}

/** Of the n-th client; 0 is one address, in contrast to all others. */
const addressOf = (n: number): string => (n === 0 ? '203.0.113.9' : `198.51.${n >> 8}.${n & 255}`)
const send = (path: string, body: object, from: number): Promise<Reply> =>
  world.client().post(path, body, { headers: { 'x-forwarded-for': addressOf(from) } })

const login = ({ email }: Person, password: string, from = 0) =>
  send('/api/v1/auth/login', { username: email, password }, from)

/** @returns how often each answer occurs, by its status and code */
async function flood(guess: (n: number) => Promise<Reply>): Promise<Record<string, number>> {
  const replies = await Promise.all(Array.from({ length: GUESSES }, (_, n) => guess(n + 1)))
  const counts: Record<string, number> = {}
  for (const reply of replies) {
    const answer = `${reply.status} ${reply.code}`
    counts[answer] = (counts[answer] ?? 0) + 1
    if (reply.status === 503) expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  return counts
}

/** What an answer to a guess may be; the rest of the flood, after those whose outcome was answered. */
const REST = ['423 ACCOUNT_LOCKED', '503 UNAVAILABLE']

/** Exactly `most` outcomes were answered and recorded, and one lock-out. */
async function expectLocked(
  person: Person,
  answers: Record<string, number>,
  most: number,
  rest: readonly string[] = REST,
): Promise<void> {
  const { '401 AUTHENTICATION_FAILED': outcomes, ...others } = answers
  expect([outcomes, Object.keys(others).filter((answer) => !rest.includes(answer))]).toEqual([most, []])
  const { failures, locks } = await world.db.tx('system', async (tx) => {
    const events = await tx
      .selectFrom('audit_events')
      .select(['event_type', 'details'])
      .where('user_id', '=', person.id)
      .execute()
    return {
      failures: events.filter(
        ({ event_type, details }) =>
          event_type === 'auth.login.failure' && (details as { reason: string }).reason !== 'locked',
      ).length,
      locks: events.filter(({ event_type }) => event_type === 'auth.login.locked').length,
    }
  })
  expect({ failures, locks }).toEqual({ failures: most, locks: 1 })
}

describe('500 parallel guesses', () => {
  beforeAll(() => start())
  afterAll(() => world.stop())

  it('at a password, from one address, get five outcomes; the account is locked there, and nowhere else', async () => {
    const person = await world.person({ signIn: false })
    await expectLocked(person, await flood((n) => login(person, `wrong password number ${n}`)), 5)
    expect((await login(person, person.password)).status).toBe(423)
    expect((await login(person, person.password, 1)).status).toBe(200)
  })

  it('at a password, each from another address, get fifty outcomes; the account is locked everywhere', async () => {
    const person = await world.person({ signIn: false })
    await expectLocked(person, await flood((n) => login(person, `wrong password number ${n}`, n)), 50)
    expect((await login(person, person.password)).status).toBe(423)
  })

  it('with garbage in X-Forwarded-For are those of the proxy: five outcomes, recorded with its address', async () => {
    const person = await world.person({ signIn: false })
    const garbage = [
      '',
      'x',
      '999.1.1.1',
      '198.51.100.7, ',
      ':::',
      'unknown',
      '127.0.0.1:x',
      ' , ,',
      '<script>',
      '1.2.3',
    ]
    const answers = await flood((n) =>
      world
        .client()
        .post(
          '/api/v1/auth/login',
          { username: person.email, password: `wrong password number ${n}` },
          { headers: { 'x-forwarded-for': garbage[n % garbage.length] ?? '' } },
        ),
    )
    await expectLocked(person, answers, 5)
    const rows = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select('ip_address')
        .where('user_id', '=', person.id)
        .where('event_type', 'in', ['auth.login.failure', 'auth.login.locked'])
        .distinct()
        .execute(),
    )
    expect(rows).toEqual([{ ip_address: '127.0.0.1' }])
  })

  it('at the code of an app, over attempts and addresses, get five outcomes; the right code is refused after them', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client)
    const attempts: string[] = []
    for (let n = 1; n <= 20; n++)
      attempts.push((await login(person, person.password, n)).body.error.details.attempt)
    const right = await app.next()
    const verify = (n: number, code: string) =>
      send('/api/v1/auth/mfa/verify', { attempt: attempts[n % 20], method: 'totp', code }, n)
    const wrong = (n: number) => `${(Number(right) + 1000 * n) % 1_000_000}`.padStart(6, '0')
    await expectLocked(person, await flood((n) => verify(n, wrong(n))), 5)
    expect((await verify(0, right)).status).toBe(423)
  })

  it('at a code by e-mail get five outcomes; the code is spent', async () => {
    const person = await world.person({ signIn: false })
    const { data } = await send('/api/v1/auth/email-code', { email: person.email }, 0)
    const { text } = await world.mailbox.emailTo(person.email, /code/)
    const right = /^\d{6}$/m.exec(text)?.[0] ?? ''
    const complete = (code: string) =>
      send('/api/v1/auth/email-code/complete', { attempt: data.attempt, code }, 0)
    const wrong = (n: number) => `${(Number(right) + 1000 * n) % 1_000_000}`.padStart(6, '0')
    await expectLocked(person, await flood((n) => complete(wrong(n))), 5, ['401 TOKEN_EXPIRED', ...REST])
    expect([401, 423]).toContain((await complete(right)).status)
  })
})

describe('500 parallel guesses, of which the server hashes a few and sheds the rest', () => {
  beforeAll(() => start({ hashQueue: 5, argon2MemoryKib: 16_384, argon2Passes: 2 }))
  afterAll(() => world.stop())

  it('get five outcomes, and the account is locked', async () => {
    const person = await world.person({ signIn: false })
    const answers = await flood((n) => login(person, `wrong password number ${n}`))
    expect(answers['503 UNAVAILABLE']).toBeGreaterThan(0)
    await expectLocked(person, answers, 5)
    expect((await login(person, person.password)).status).toBe(423)
  })
})
