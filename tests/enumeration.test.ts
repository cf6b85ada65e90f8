/**
 * User enumeration: answers do not disclose whether an account exists. Status, body and headers are the same for every
 * identifier, and every spelling has the same counter. enumeration.timing.test.ts measures the response times.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Reply } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type World } from '../packages/server/src/testing/world.ts'
import {
  DISABLED,
  ENDPOINTS,
  KNOWN,
  PENDING,
  startPopulated,
  UNKNOWN,
  usual,
  WITH_APP,
  WITH_PASSKEY,
} from './enumeration/accounts.ts'

let world: World
beforeAll(async () => {
  world = await startPopulated()
})
afterAll(() => world.stop())

const ID = '(?:[\\w-]{22}|[\\w-]{27}|[\\w-]{43})'
const CREDENTIAL = `\\{"id":"${ID}","transports":\\["(?:hybrid",")?internal"\\],"type":"public-key"\\}`
/** One to three passkeys, real or imagined: ids of the lengths that authenticators make. */
const CREDENTIALS = new RegExp(`\\[${CREDENTIAL}(?:,${CREDENTIAL}){0,2}\\]`)

/** An answer without its random and time-dependent parts, and without the identifier. */
function shapeOf(reply: Reply, typed: string) {
  const blank = (text: string): string =>
    text
      .replaceAll(typed, '<typed>')
      .replaceAll(encodeURIComponent(typed), '<typed>')
      .replace(/\b[a-z]{3}_[0-9a-f]{32}\b/g, '<id>')
      .replace(/<id>\.[\w-]{43}/g, '<token>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replace(/[\w-]{22}\.[\w-]{43}/g, '<csrf>')
      .replace(/"challenge":"[\w-]+"/, '"challenge":<challenge>')
      .replace(CREDENTIALS, '<credentials>')
  const headers = [...reply.headers]
    .filter(([name]) => name !== 'date' && !(name === 'content-length' && CREDENTIALS.test(reply.text)))
    .map(([name, value]) => [
      name,
      name === 'set-cookie' ? value.replace(/=[^;]*/, '=<secret>') : blank(value),
    ])
  return { status: reply.status, headers: headers.sort(), text: blank(reply.text) }
}

describe('the same answer', () => {
  const forgetFailures = () => world.db.tx('system', (tx) => tx.deleteFrom('failures').execute())

  it.each(
    ENDPOINTS.map((endpoint, n) => ({
      ...endpoint,
      unknown: `unk${String(n).padStart(2, '0')}@example.com`,
    })),
  )('of $name for every identifier', async ({ ask, unknown }) => {
    await forgetFailures()
    const expected = shapeOf(await ask(world.client(), unknown), unknown)
    for (const identifier of [KNOWN, PENDING, DISABLED, WITH_APP, WITH_PASSKEY]) {
      await forgetFailures()
      expect(shapeOf(await ask(world.client(), identifier), identifier), identifier).toEqual(expected)
    }
  })

  it('of register for a taken username', async () => {
    const ask = (email: string, username: string) =>
      world.client().post('/api/v1/auth/register', { email, username, password: PASSWORD })
    const free = shapeOf(await ask('free1@example.com', 'unheard'), 'free1@example.com')
    const taken = shapeOf(await ask('free2@example.com', 'known'), 'free2@example.com')
    expect(JSON.stringify(taken).replaceAll('known', '<name>')).toBe(
      JSON.stringify(free)
        .replaceAll('unheard', '<name>')
        .replace(/("content-length",)"(\d+)"/, (_, name, n) => `${name}"${Number(n) - 2}"`),
    )
  })

  it('of login with the right password of a disabled account as long as the password is wrong', async () => {
    const wrong = await world.client().post('/api/v1/auth/login', { username: DISABLED, password: 'wrong' })
    const right = await world.client().post('/api/v1/auth/login', { username: DISABLED, password: PASSWORD })
    expect([wrong.code, right.code]).toEqual(['AUTHENTICATION_FAILED', 'ACCOUNT_DISABLED'])
  })
})

describe('one counter', () => {
  let fresh: World
  beforeAll(async () => {
    fresh = await startPopulated({
      lockoutFailures: usual.lockoutFailures,
      argon2MemoryKib: 64,
      argon2Passes: 1,
    })
  })
  afterAll(() => fresh.stop())
  beforeEach(() => fresh.db.tx('system', (tx) => tx.deleteFrom('failures').execute()))

  const attempt = (of: World, username: string, password = 'wrong') =>
    of.client().post('/api/v1/auth/login', { username, password })
  /** The rest of a duration, rounded up so that the time the test takes does not matter. */
  const rounded = (seconds: unknown) => (seconds ? Math.ceil(Number(seconds) / 30) * 30 : seconds)
  const verdictOf = ({ status, body, headers }: Reply) => {
    const { lockout_duration, ...details } = body.error.details
    return {
      status,
      details: { ...details, lockout_duration: rounded(lockout_duration) },
      retryAfter: rounded(headers.get('retry-after')),
    }
  }
  const SPELLINGS: readonly ((name: string) => string)[] = [
    (name) => name,
    (name) => name.toUpperCase(),
    (name) => ` ${name}\t`,
    (name) => name.replace(/[a-z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 0x61 + 0xff41)),
    (name) => `${name.slice(0, 2)}\u00ad\u200b${name.slice(2)}`,
    (name) => name.replace(/[a-z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 0x61 + 0x1d41a)),
    (name) => `\ufeff${name}\u3000`,
  ]

  it.each([
    ['a username', 'known', 'unkno'],
    ['an address', KNOWN, UNKNOWN],
  ])('for %s in every spelling, counted alike for known and unknown accounts', async (_, known, unknown) => {
    const verdicts = []
    for (const spelling of SPELLINGS) {
      const [there, not] = [
        verdictOf(await attempt(fresh, spelling(known))),
        verdictOf(await attempt(fresh, spelling(unknown))),
      ]
      expect(there, spelling(known)).toEqual(not)
      verdicts.push(there)
    }
    expect(verdicts.map(({ status, details }) => [status, details.attempts_remaining])).toEqual([
        [401, 4], [401, 3], [401, 2], [401, 1], [401, 0], [423, undefined], [423, undefined],
      ]) // biome-ignore format: a table
    expect(verdicts.map(({ details }) => details.lockout_duration)).toEqual(Array(7).fill(900))
    expect((await attempt(fresh, known, PASSWORD)).status).toBe(423)
    await fresh.clock.advance('15 minutes')
    expect((await attempt(fresh, known, PASSWORD)).status).toBe(200)
  })

  it('for the username and the address of one account', async () => {
    const statuses = []
    for (let n = 0; n < 6; n += 1) statuses.push((await attempt(fresh, n % 2 ? 'known' : KNOWN)).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 423])
  })

  it('continues alike after a stranger registers the address', async () => {
    const seen = async (email: string) => {
      const before = verdictOf(await attempt(fresh, email))
      await fresh.client().post('/api/v1/auth/register', { email, password: 'the password of the stranger' })
      return [
        before,
        verdictOf(await attempt(fresh, email)),
        verdictOf(await attempt(fresh, email.toUpperCase())),
      ]
    }
    expect(await seen(KNOWN)).toEqual(await seen(UNKNOWN))
  })

  it('discloses nothing to a stranger who registers an address and signs in with the new password', async () => {
    const seen = async (email: string) => {
      const password = 'the password of the stranger'
      await fresh.client().post('/api/v1/auth/register', { email, password })
      return shapeOf(await attempt(fresh, email, password), email)
    }
    expect(await seen(KNOWN)).toEqual(await seen(UNKNOWN))
  })
})
