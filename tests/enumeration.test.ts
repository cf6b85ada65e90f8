/**
 * Whether somebody has an account is nobody's business: the same status, body, headers and time for every
 * identifier, known or not, and one counter for every spelling. Hashes cost here what they cost in production.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemCall } from '../packages/server/src/base/call.ts'
import { loadConfig } from '../packages/server/src/config.ts'
import { disableUser } from '../packages/server/src/features/identity/lifecycle/index.ts'
import { getUser } from '../packages/server/src/features/identity/users/index.ts'
import type { Client, Reply } from '../packages/server/src/testing/client.ts'
import { PASSWORD, startWorld, type World } from '../packages/server/src/testing/world.ts'

const usual = loadConfig({ LATCHKEY_PROFILE: 'testing' }, { cwd: '/nonexistent' })
const HASHES = { argon2MemoryKib: usual.argon2MemoryKib, argon2Passes: usual.argon2Passes }

// all of one length, so that an answer that repeats what was typed has one length too
const KNOWN = 'known@example.com'
const NOBODY = 'nobod@example.com'
const PENDING = 'pendi@example.com'
const DISABLED = 'disab@example.com'

/** Accounts of each kind. Nobody is locked out here, so that many samples can be taken. */
async function populated(overrides: Parameters<typeof startWorld>[0] = {}): Promise<World> {
  const world = await startWorld({ ...HASHES, lockoutFailures: 1_000_000, ...overrides })
  await world.person({ email: KNOWN, username: 'known', signIn: false })
  await world.client().post('/api/v1/auth/register', { email: PENDING, password: PASSWORD })
  const disabled = await world.person({ email: DISABLED, signIn: false })
  await world.db.tx('system', async (tx) =>
    disableUser(tx, systemCall(world.clock.now()), await getUser(tx, disabled.id)),
  )
  await world.clock.advance('2 minutes')
  return world
}

let world: World
beforeAll(async () => {
  world = await populated()
})
afterAll(() => world.stop())

/** An answer without what differs in any two answers, and without what was typed. */
function shapeOf(reply: Reply, typed: string) {
  const blank = (text: string): string =>
    text
      .replaceAll(typed, '<typed>')
      .replaceAll(encodeURIComponent(typed), '<typed>')
      .replace(/\b[a-z]{3}_[0-9a-f]{32}\b/g, '<id>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replace(/[\w-]{22}\.[\w-]{43}/g, '<csrf>')
  const headers = [...reply.headers]
    .filter(([name]) => name !== 'date')
    .map(([name, value]) => [
      name,
      name === 'set-cookie' ? value.replace(/=[^;]*/, '=<secret>') : blank(value),
    ])
  return { status: reply.status, headers: headers.sort(), text: blank(reply.text) }
}

interface Door {
  name: string
  ask(client: Client, identifier: string): Promise<Reply>
}

async function form(client: Client, path: string, fields: Record<string, string>): Promise<Reply> {
  const { data } = await client.get('/csrf')
  return await client.post(
    path,
    { ...fields, csrf_token: String(data.csrf_token) },
    { form: true, headers: { accept: 'text/html' } },
  )
}

const DOORS: readonly Door[] = [
  { name: 'login', ask: (client, username) => client.post('/api/v1/auth/login', { username, password: 'not the password of anybody' }) },
  {
    name: 'login by HTTP Basic',
    ask: (client, username) =>
      client.post('/api/v1/auth/login', undefined, {
        headers: { authorization: `Basic ${Buffer.from(`${username}:not the password of anybody`).toString('base64')}` },
      }),
  },
  { name: 'register', ask: (client, email) => client.post('/api/v1/auth/register', { email, password: 'a sentence of the stranger' }) },
  { name: 'forgot', ask: (client, email) => client.post('/api/v1/auth/password/forgot', { email }) },
  { name: 'resend', ask: (client, email) => client.post('/api/v1/auth/verify-email/resend', { email }) },
  { name: 'the sign-in page', ask: (client, identifier) => form(client, '/sign-in', { identifier, password: 'not the password of anybody' }) },
  {
    name: 'the sign-up page',
    ask: (client, email) => form(client, '/sign-up', { email, password: 'a sentence of the stranger', password_confirm: 'a sentence of the stranger' }),
  },
  { name: 'the page of a forgotten password', ask: (client, email) => form(client, '/forgot-password', { email }) },
  { name: 'the page that sends the letter again', ask: (client, email) => form(client, '/verify-email/resend', { email }) },
] // biome-ignore format: a table

describe('the same answer', () => {
  const forgetFailures = () => world.db.tx('system', (tx) => tx.deleteFrom('failures').execute())

  it.each(DOORS.map((door, n) => ({ ...door, nobody: `nobo${n}@example.com` })))(
    'of $name, whoever is asked about',
    async ({ ask, nobody }) => {
      await forgetFailures()
      const expected = shapeOf(await ask(world.client(), nobody), nobody)
      for (const identifier of [KNOWN, PENDING, DISABLED]) {
        await forgetFailures()
        expect(shapeOf(await ask(world.client(), identifier), identifier), identifier).toEqual(expected)
      }
    },
  )

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
    fresh = await populated({ lockoutFailures: usual.lockoutFailures, argon2MemoryKib: 64, argon2Passes: 1 })
  })
  afterAll(() => fresh.stop())
  beforeEach(() => fresh.db.tx('system', (tx) => tx.deleteFrom('failures').execute()))

  const attempt = (of: World, username: string, password = 'wrong') =>
    of.client().post('/api/v1/auth/login', { username, password })
  const told = ({ status, body, headers }: Reply) => ({
    status,
    details: body.error.details,
    retryAfter: headers.get('retry-after'),
  })
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
    ['a username', 'known', 'nobod'],
    ['an address', KNOWN, NOBODY],
  ])('for %s in every spelling, and it counts alike for known and unknown', async (_, known, nobody) => {
    const asked = []
    for (const spelling of SPELLINGS) {
      const [there, not] = [
        told(await attempt(fresh, spelling(known))),
        told(await attempt(fresh, spelling(nobody))),
      ]
      expect(there, spelling(known)).toEqual(not)
      asked.push(there)
    }
    expect(asked.map(({ status, details }) => [status, details.attempts_remaining])).toEqual([
        [401, 4], [401, 3], [401, 2], [401, 1], [401, 0], [423, undefined], [423, undefined],
      ]) // biome-ignore format: a table
    expect(asked.map(({ details }) => details.lockout_duration)).toEqual(Array(7).fill(900))
    expect((await attempt(fresh, known, PASSWORD)).status).toBe(423)
    await fresh.clock.advance('15 minutes')
    expect((await attempt(fresh, known, PASSWORD)).status).toBe(200)
  })

  it('for the username and the address of one account', async () => {
    const statuses = []
    for (let n = 0; n < 6; n += 1) statuses.push((await attempt(fresh, n % 2 ? 'known' : KNOWN)).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 423])
  })

  it('goes on alike when a stranger registers the address in between', async () => {
    const seen = async (email: string) => {
      const before = told(await attempt(fresh, email))
      await fresh.client().post('/api/v1/auth/register', { email, password: 'a sentence of the stranger' })
      return [before, told(await attempt(fresh, email)), told(await attempt(fresh, email.toUpperCase()))]
    }
    expect(await seen(KNOWN)).toEqual(await seen(NOBODY))
  })

  it('tells a stranger who registers an address and signs in with their own password nothing', async () => {
    const seen = async (email: string) => {
      const password = 'a sentence of the stranger'
      await fresh.client().post('/api/v1/auth/register', { email, password })
      return shapeOf(await attempt(fresh, email, password), email)
    }
    expect(await seen(KNOWN)).toEqual(await seen(NOBODY))
  })
})

describe('the same time', () => {
  /** The chance that a sample of `a` took longer than one of `b`: 0.5 when nobody can tell (Mann–Whitney). */
  function chanceOfLonger(a: readonly number[], b: readonly number[]): number {
    let longer = 0
    for (const x of a) for (const y of b) longer += x > y ? 1 : x === y ? 0.5 : 0
    return longer / (a.length * b.length)
  }

  it('is told apart by this very test where it differs', () => {
    const noise = Array.from({ length: 60 }, (_, n) => 40 + ((n * 7919) % 60) / 6)
    expect(chanceOfLonger(noise, noise)).toBeCloseTo(0.5, 5)
    expect(
      chanceOfLonger(
        noise.map((time) => time + 6),
        noise,
      ),
    ).toBeGreaterThan(0.85)
  })

  const SAMPLES = 60
  /** With equal times the chance strays from a half by 0.053 (one deviation) at 60 samples each. */
  const TELLING = 0.2

  /** In turns, in an order that chance decides, so that what else the machine does hits all alike. */
  async function sampled(ask: Door['ask'], identifiers: readonly string[]): Promise<Map<string, number[]>> {
    const times = new Map(identifiers.map((identifier) => [identifier, [] as number[]]))
    for (let n = 0; n < SAMPLES; n += 1) {
      const order = identifiers
        .map((identifier) => ({ identifier, at: Math.random() }))
        .sort((a, b) => a.at - b.at)
      for (const { identifier } of order) {
        const client = world.client()
        const begun = performance.now()
        await ask(client, identifier)
        times.get(identifier)?.push(performance.now() - begun)
        // what follows after the answer is not part of it
        await world.app.settle()
      }
    }
    return times
  }

  const TIMED = [
    { name: 'login', about: [KNOWN, PENDING, DISABLED] },
    { name: 'register', about: [KNOWN] },
    { name: 'forgot', about: [KNOWN, DISABLED] },
    { name: 'resend', about: [KNOWN, PENDING] },
  ]

  it.each(TIMED)('of $name for $about and for nobody', { timeout: 180_000 }, async ({ name, about }) => {
    const door = DOORS.find((one) => one.name === name)
    if (!door) throw new Error(`no door ${name}`)
    for (const identifier of [...about, NOBODY]) await door.ask(world.client(), identifier)
    // a difference that is there shows again; a coincidence, of one in ten thousand, does not
    let telling: readonly string[] = about
    const chances: string[] = []
    for (let round = 0; round < 2 && telling.length > 0; round += 1) {
      const times = await sampled(door.ask, [...telling, NOBODY])
      telling = telling.filter((identifier) => {
        const chance = chanceOfLonger(times.get(identifier) ?? [], times.get(NOBODY) ?? [])
        chances.push(`${identifier} takes longer in ${chance.toFixed(2)}`)
        return Math.abs(chance - 0.5) > TELLING
      })
    }
    expect(telling, chances.join(', ')).toEqual([])
  })
})
