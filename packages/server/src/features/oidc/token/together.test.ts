/** Codes that are made, and exchanged, at one moment: they share a statement, and the fate of one is that of no other. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Tx } from '../../../base/db/types.ts'
import { authorizedCode, authorizePath, follow, type TestApp, testApp } from '../../../testing/apps.ts'
import { testDatabaseKind } from '../../../testing/database.ts'
import { observeStatements } from '../../../testing/statements.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let people: Person[]
let app: TestApp
let other: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  people = await Promise.all(Array.from({ length: 4 }, () => world.person()))
  app = await testApp(world)
  other = await testApp(world)
  for (const { client } of people) await authorizedCode(client, app)
})
afterAll(() => world?.stop())

const EACH = 6
/** Each of the people several times, in turn. */
const manyTimes = () => Array.from({ length: EACH }, () => people).flat()
const begin = (person: Person, by: TestApp) => follow(person.client, authorizePath(by))
const codes = () => Promise.all(manyTimes().map(({ client }) => authorizedCode(client, app)))
/** While the first ones wait, the others arrive. */
async function codesOfOneMoment(): Promise<string[]> {
  if (testDatabaseKind() === 'pglite') return codes()
  let made: Promise<string[]> | undefined
  await world.db.tx('system', async (tx) => {
    for (const { id } of people)
      await tx.selectFrom('sessions').select('id').where('user_id', '=', id).forNoKeyUpdate().execute()
    made = codes()
    await new Promise((resolve) => setTimeout(resolve, 200))
  })
  return (await made) ?? []
}
const families = (by: TestApp) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('token_families')
      .select(['user_id', 'revoked_at'])
      .where('client_id', '=', by.id)
      .execute(),
  )

it('each is for its own user, and has its own event', async () => {
  const stop = observeStatements()
  const made = await codesOfOneMoment()
  const insertions = stop().filter((text) => text.includes('insert into authorization_codes'))
  if (testDatabaseKind() === 'postgres') expect(insertions.length).toBeLessThan(made.length / 2)
  expect(new Set(made).size).toBe(made.length)
  const tokens = await Promise.all(made.map((code) => app.exchange(code)))
  const subjects = await Promise.all(
    tokens.map(async ({ body }) => {
      const headers = { authorization: `Bearer ${body.access_token}` }
      return (await world.client().get('/oidc/userinfo', { headers })).body.sub
    }),
  )
  expect(subjects).toEqual(manyTimes().map(({ id }) => id))
  const events = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['user_id', 'request_id', 'session_id', 'ip_address', 'details'])
      .where('event_type', '=', 'oidc.authorized')
      .execute(),
  )
  const ofApp = events.filter(({ details }) => (details as { client?: string }).client === app.id)
  // the first of each person was the answer to the question
  expect(ofApp).toHaveLength((EACH + 1) * people.length)
  expect(new Set(ofApp.map(({ request_id }) => request_id)).size).toBe(ofApp.length)
  for (const { id } of people) {
    const own = ofApp.filter(({ user_id }) => user_id === id)
    expect(own).toHaveLength(EACH + 1)
    expect(new Set(own.map(({ session_id }) => session_id)).size).toBe(1)
    expect(own.every(({ details }) => (details as { scopes?: string[] }).scopes?.includes('openid'))).toBe(
      true,
    )
  }
})

it('where one user has not allowed the app, that one gets the question, and the others their codes', async () => {
  const asked = await world.person()
  const everyone = [...people, asked, ...people]
  const reached = await Promise.all(everyone.map((person) => begin(person, app)))
  for (const [n, { left, at }] of reached.entries())
    if (everyone[n] === asked) expect(at).toMatch(/^\/consent\?/)
    else expect(left?.searchParams.get('code')).toMatch(/^ac_/)
  const signedIn = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('client_sessions as c')
      .innerJoin('sessions as s', 's.id', 'c.session_id')
      .select('s.user_id')
      .where('c.client_id', '=', app.id)
      .execute(),
  )
  expect(signedIn.map(({ user_id }) => user_id).sort()).toEqual(people.map(({ id }) => id).sort())
})

it('of a first-party app, the first of all users are made without a question, also of one user at once', async () => {
  const own = await testApp(world, { first_party: true })
  const reached = await Promise.all(manyTimes().map((person) => begin(person, own)))
  for (const { left } of reached) expect(left?.searchParams.get('code')).toMatch(/^ac_/)
  const grants = await world.db.tx('system', (tx) =>
    tx.selectFrom('grants').select(['user_id', 'allowed']).where('client_id', '=', own.id).execute(),
  )
  expect(grants.map(({ user_id }) => user_id).sort()).toEqual(people.map(({ id }) => id).sort())
  expect(grants.map(({ allowed }) => allowed)).toEqual(people.map(() => ({})))
})

it.runIf(testDatabaseKind() === 'postgres')(
  'where one session ends meanwhile, its code is not made, and the others are',
  async () => {
    const leaving = await world.person()
    await authorizedCode(leaving.client, app)
    const everyone = [...people, leaving, ...people]
    let requests: ReturnType<typeof begin>[] = []
    await world.db.tx('system', async (tx) => {
      await tx
        .updateTable('sessions')
        .set({ ended_at: world.clock.now(), end_reason: 'revoked' })
        .where('user_id', '=', leaving.id)
        .execute()
      requests = everyone.map((person) => begin(person, app))
      // until the statement waits for this transaction
      await new Promise((resolve) => setTimeout(resolve, 300))
    })
    const reached = await Promise.all(requests)
    for (const [n, { left }] of reached.entries())
      expect(left?.searchParams.has('code') ?? false).toBe(everyone[n] !== leaving)
  },
)

/** The rows of a user that codes, exchanges and refreshes lock. */
const lockRowsOf = async (tx: Tx, userId: string) => {
  for (const table of ['sessions', 'token_families'] as const)
    await tx.selectFrom(table).select('id').where('user_id', '=', userId).forNoKeyUpdate().execute()
}

it.runIf(testDatabaseKind() === 'postgres')(
  'where the rows of one user are locked, that one waits, and the others do not',
  async () => {
    const waiting = await world.person()
    const everyone = [waiting, ...people, waiting, ...people]
    const used = await Promise.all(everyone.map(({ client }) => authorizedCode(client, app)))
    const held = await Promise.all(used.map(async (code) => (await app.exchange(code)).body.refresh_token))
    const made = await Promise.all(everyone.map(({ client }) => authorizedCode(client, app)))
    const requests = () => [
      everyone.map(async (person) => (await begin(person, app)).left?.searchParams.has('code') ?? false),
      made.map(async (code) => (await app.exchange(code)).status === 200),
      held.map(
        async (refresh_token) =>
          (await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token })).status === 200,
      ),
    ]
    const answered = new Set<string>()
    let all: Promise<boolean[]>[] = []
    await world.db.tx('system', async (tx) => {
      await lockRowsOf(tx, waiting.id)
      const sent = requests()
      for (const [kind, each] of sent.entries())
        for (const [n, one] of each.entries())
          void one.then((isGiven) => isGiven && answered.add(`${kind} ${everyone[n]?.id}`))
      all = sent.map((each) => Promise.all(each))
      const ofOthers = [0, 1, 2].flatMap((kind) => people.map(({ id }) => `${kind} ${id}`))
      await expect.poll(() => [...answered].sort(), { timeout: 6000 }).toEqual(ofOthers.sort())
    })
    expect((await Promise.all(all)).flat()).toEqual(Array.from({ length: 3 * everyone.length }, () => true))
  },
  30_000,
)

it.runIf(testDatabaseKind() === 'postgres')(
  'of an app that is deleted while its code waits, the browser gets a page about it, and the others their codes',
  async () => {
    const deleted = await testApp(world)
    const [person] = people as [Person]
    await authorizedCode(person.client, deleted)
    let requests: ReturnType<typeof begin>[] = []
    await world.db.tx('system', async (tx) => {
      await lockRowsOf(tx, person.id)
      requests = [begin(person, deleted), begin(person, app)]
      // until the statement waits for this transaction
      await new Promise((resolve) => setTimeout(resolve, 150))
      await tx.deleteFrom('clients').where('id', '=', deleted.id).execute()
    })
    const [refused, made] = await Promise.all(requests)
    expect(refused?.left).toBeNull()
    expect(refused?.reply.status).toBe(400)
    expect(made?.left?.searchParams.has('code')).toBe(true)
  },
)

it('of exchanges of many codes, what does not fit costs its own code alone', async () => {
  const made = await codes()
  const before = await families(app)
  const answers = await Promise.all(
    made.map((code, n) => {
      if (n === 3) return app.exchange(code, { code_verifier: 'w'.repeat(43) })
      return n === 5 ? other.exchange(code) : app.exchange(code)
    }),
  )
  const refused = answers.flatMap(({ status }, n) => (status === 200 ? [] : [n]))
  expect(refused).toEqual([3, 5])
  expect(await families(other)).toEqual([])
  const after = await families(app)
  expect(after.filter(({ revoked_at }) => revoked_at === null)).toHaveLength(before.length + made.length - 2)
  // the code that another app has presented is still its own; the other one is used up
  expect((await app.exchange(made[5] ?? '')).status).toBe(200)
  expect((await app.exchange(made[3] ?? '')).body.error).toBe('invalid_grant')
})

it('of 100 exchanges of one code among those of others, one succeeds, and what it got ends', async () => {
  const [code = '', ...rest] = await codes()
  const all = [...Array.from({ length: 100 }, () => code), ...rest]
  const answers = await Promise.all(all.map((one) => app.exchange(one)))
  const [of, others] = [answers.slice(0, 100), answers.slice(100)]
  const won = of.filter(({ status }) => status === 200)
  expect(won).toHaveLength(1)
  expect(others.every(({ status }) => status === 200)).toBe(true)
  const refreshed = (token: string) =>
    app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: token })
  expect((await refreshed(won[0]?.body.refresh_token)).status).toBe(400)
  expect((await refreshed(others[0]?.body.refresh_token)).status).toBe(200)
})
