/** What an app gets while the proofs of the session end: the exchange is committed before and ends with them, or copies none of them. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { sha256 } from '../../../base/crypto.ts'
import { authorizedCode, type TestApp, testApp } from '../../../testing/apps.ts'
import { testDatabaseKind } from '../../../testing/database.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { provenSessions } from '../../identity/sessions/index.ts'

let world: World
let app: TestApp
beforeAll(async () => {
  world = await startWorld()
  app = await testApp(world, { first_party: true })
})
afterAll(() => world?.stop())

const PROOF = { method: 'federation', amr: ['fed'], at: new Date(0).toISOString() }
const call = () => systemCall(world.clock.now())
const system = <T>(work: Parameters<typeof world.db.tx<T>>[1]) => world.db.tx('system', work)

/** The ends of what another party has proven, each with such a proof. */
const ENDS: Readonly<
  Record<string, { proof: Record<string, unknown>; end: (ada: Person) => Promise<unknown> }>
> = {
  'the end of a connection': {
    proof: { connection: 'con_a', connection_version: 1 },
    end: () =>
      provenSessions.endEverywhere(world.app.tools, call(), {
        connectionId: 'con_a',
        version: 2,
        until: null,
      }),
  },
  'the disconnection of the account': {
    proof: { connection: 'con_b', identity: 'idn_b' },
    end: (ada) =>
      system((tx) => {
        const ended = { identityId: 'idn_b', connectionId: 'con_b' }
        return provenSessions.endIn(world.app.tools, tx, call(), ada.id, ended)
      }),
  },
  'the loss of a domain': {
    proof: { connection: 'con_c', organization: 'org_c', authority: true },
    end: () => provenSessions.endAuthorityOf(world.app.tools, 'org_c'),
  },
  'the change of an address': {
    proof: { connection: 'con_d', organization: 'org_d', authority: true },
    end: (ada) => system((tx) => provenSessions.endAuthorityIn(world.app.tools, tx, ada.id)),
  },
}

/** Locks a code, as a concurrent exchange does, until it is released. */
async function holdCode(code: string): Promise<{ release: () => void; done: Promise<void> }> {
  let release = () => {}
  const isReleased = new Promise<void>((resolve) => {
    release = resolve
  })
  let done = Promise.resolve()
  await new Promise<void>((locked) => {
    done = system(async (tx) => {
      await sql`select from authorization_codes where hash = ${sha256(code)} for update`.execute(tx)
      locked()
      await isReleased
    })
  })
  return { release, done }
}

/** Waits until so many statements wait for locks of others. */
async function areWaiting(count: number): Promise<void> {
  await expect
    .poll(async () => {
      const { rows } = await world.db.asOwner((line) =>
        line.plain(`select count(*)::int as count from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`),
      )
      return (rows[0] as { count: number }).count
    })
    .toBe(count)
}

// of one connection to the database, the exchange cannot wait in a transaction
describe.runIf(testDatabaseKind() === 'postgres')('an exchange that has begun', () => {
  it.each(Object.entries(ENDS))('is ended by %s', async (_, { proof, end }) => {
    const ada = await world.person()
    await system((tx) =>
      sql`update sessions set proofs = ${JSON.stringify([{ ...PROOF, ...proof }])}::jsonb
        where user_id = ${ada.id}`.execute(tx),
    )
    const code = await authorizedCode(ada.client, app, { scope: 'openid offline_access' })
    const held = await holdCode(code)
    try {
      // the exchange holds the session then, and has written nothing
      const exchange = app.exchange(code)
      await areWaiting(1)
      const ended = end(ada)
      await areWaiting(2)
      held.release()
      const [{ status, body }] = await Promise.all([exchange, ended])
      expect(status).toBe(200)
      const { access_token: token, refresh_token } = body
      const refreshed = await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token })
      expect(refreshed.status).toBe(400)
      expect((await app.post('/oidc/introspect', { token })).body.active).toBe(false)
    } finally {
      held.release()
      await held.done
    }
  })
})

it('ends what apps keep of a user whose sessions have ended before, and of no other', async () => {
  const [ada, ben] = (await world.people(2)) as [Person, Person]
  const kept: string[] = []
  for (const [user, connection] of [
    [ada, 'con_e'],
    [ben, 'con_f'],
  ] as const) {
    const code = await authorizedCode(user.client, app, { scope: 'openid offline_access' })
    kept.push((await app.exchange(code)).body.refresh_token)
    await system((tx) =>
      sql`update token_families set proofs = ${JSON.stringify([{ ...PROOF, connection, connection_version: 1 }])}::jsonb
        where user_id = ${user.id} and session_id is null`.execute(tx),
    )
    await user.client.post('/api/v1/auth/logout')
  }
  const ended = { connectionId: 'con_e', version: 2, until: null }
  await provenSessions.endEverywhere(world.app.tools, call(), ended)
  const statuses = kept.map(
    async (refresh_token) =>
      (await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token })).status,
  )
  expect(await Promise.all(statuses)).toEqual([400, 200])
})
