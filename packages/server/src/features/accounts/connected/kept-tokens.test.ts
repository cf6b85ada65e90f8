/** The tokens of a provider that are kept: each is revoked there before it is gone, whichever ends first. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { keyring as createKeyring } from '../../../base/crypto.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { findConnection, type UsableConnection } from '../../../core/connections/index.ts'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'
import { keptTokenJobs, releaseKeptTokens } from '../../identity/identities/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { endIdentity } from '../../signin/planted/index.ts'

const API = '/api/v1'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

let people = 1000
/** A connection that keeps tokens, and a user who has connected an account by it. */
async function keeping(more: Parameters<Federated['connect']>[1] = {}, by?: Person) {
  const { slug, id } = await federated.connect('discord', {
    ...(more.organizationId === undefined && { slug: `discord-${++people}` }),
    ...more,
    settings: { keeps_tokens: true },
  })
  const discord = federated.fakes.provider('discord')
  discord.user = { ...discord.user, id: String(++people) }
  const person = by ?? (await world.person())
  const { data } = await person.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(person.client, await federated.fakes.authorize(data.authorization_url))
  const kept = async () => {
    const [identity] = await federated.identitiesOf(person.id)
    return { tokens: identity?.tokens ?? null, of: identity?.connection_id ?? null }
  }
  expect((await kept()).tokens).not.toBeNull()
  const root = await world.person({ roles: ['super_admin'] })
  return { slug, id, discord, person, kept, root, path: `${API}/connections/${id}` }
}

/** The tokens of so many further accounts by the connection. */
async function keepMore(count: number, id: string, tokens: string | null, userId: string): Promise<void> {
  const rows = Array.from({ length: count }, (_, n) => ({
    id: `idn_${String(n).padStart(32, '0')}`,
    user_id: userId,
    connection_id: id,
    organization_id: null,
    scope: '',
    issuer: 'https://discord.com',
    subject: `many-${n}`,
    provider: 'discord',
    email: null,
    email_verified: false,
    name: null,
    tokens,
    linked_at: world.clock.now(),
    last_used_at: null,
  }))
  await world.db.tx('system', (tx) => tx.insertInto('identities').values(rows).execute())
}

const releaseAt = (tx: Tx, connection: UsableConnection, at: Date) =>
  releaseKeptTokens.ofConnection(
    { ...world.app.tools, clock: { ...world.clock, now: () => at } },
    tx,
    connection,
  )

/** Deletes the connection as its owners do, without the job that follows, which waits for the commit. */
async function releaseAndDelete(id: string, after: Parameters<typeof world.db.tx>[1] = async () => {}) {
  const connection = await findConnection(world.db.hot, id)
  if (!connection) throw new Error('no connection')
  await world.db.tx('system', async (tx) => {
    await releaseKeptTokens.ofConnection(world.app.tools, tx, connection)
    await tx.deleteFrom('connections').where('id', '=', id).execute()
    await after(tx)
  })
}

describe('the tokens of a connection', () => {
  it('are revoked there and cleared when it is deleted, by what it was', async () => {
    const { id, discord, kept, root, path } = await keeping()
    const before = discord.revoked.length
    expect((await root.client.delete(path)).status).toBe(200)
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before + 1)
    expect(await kept()).toEqual({ tokens: null, of: id })
  })

  it('are revoked and cleared when it keeps none any more, and not by another change', async () => {
    const { id, discord, kept, root, path } = await keeping()
    const before = discord.revoked.length
    expect((await root.client.patch(path, { name: 'Renamed', status: 'disabled' })).status).toBe(200)
    await world.app.settle()
    expect((await kept()).tokens).not.toBeNull()
    expect((await root.client.patch(path, { settings: { keeps_tokens: null } })).status).toBe(200)
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before + 1)
    expect(await kept()).toEqual({ tokens: null, of: id })
  })

  it('that an earlier version has left are revoked and cleared at the next sign-in', async () => {
    const { slug, id, discord, kept } = await keeping()
    const before = discord.revoked.length
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ settings: '{}' }).where('id', '=', id).execute(),
    )
    expect(goal(await federated.signIn(world.client(), slug))).toBe('/account')
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before + 1)
    expect(await kept()).toEqual({ tokens: null, of: id })
  })

  it('are revoked and cleared of more users than one transaction takes, also where the process ends in between', async () => {
    const { id, discord, person } = await keeping()
    // those of a lost secret are not sent to the provider
    await keepMore(600, id, createKeyring('another secret '.repeat(3)).encrypt('identities', '{}'), person.id)
    const before = discord.revoked.length
    const { tools } = world.app
    const payload = { connection_id: id, until: world.clock.now().toISOString() }
    const left = async (db: Statements) =>
      (await db.selectFrom('identities').select('id').where('tokens', 'is not', null).execute()).length
    await releaseAndDelete(id, async (tx) => {
      let parts = 0
      const part = async (_: unknown, work: (of: Tx) => unknown) => {
        if (++parts === 2) throw new Error('the process ends')
        return await work(tx)
      }
      const db = { ...tools.db, tx: part } as typeof tools.db
      const before = await left(tx)
      const run = keptTokenJobs.clear({ db, jobs: tools.jobs }, payload, world.clock.now())
      await expect(run).rejects.toThrow('the process ends')
      expect(before - (await left(tx))).toBe(500)
    })
    await world.app.settle()
    expect(await left(world.db.hot)).toBe(0)
    expect(discord.revoked).toHaveLength(before + 1)
  })

  it('are revoked by the party that they came by, where the connection is changed twice before the jobs have run', async () => {
    for (const ending of ['released', 'disconnected']) {
      const { id, discord, kept, person } = await keeping()
      const connection = await findConnection(world.db.hot, id)
      if (!connection) throw new Error('no connection')
      const before = discord.revoked.length
      const second = { ...connection, clientId: 'of-another-party' }
      const [first, later] = [world.clock.now(), new Date(world.clock.now().getTime() + 1000)]
      await world.db.tx('system', async (tx) => {
        await releaseAt(tx, connection, first)
        await releaseAt(tx, second, later)
        await tx.updateTable('connections').set({ client_id: 'of-a-third' }).where('id', '=', id).execute()
        const [identity] = await tx
          .selectFrom('identities')
          .selectAll()
          .where('user_id', '=', person.id)
          .execute()
        if (ending === 'released' || !identity) return
        await endIdentity(world.app.tools, tx, systemCall(first), await getUser(tx, person.id), identity)
      })
      await world.app.settle()
      // the provider knows the client of the first party alone
      expect([ending, discord.revoked.length]).toEqual([ending, before + 1])
      expect((await kept()).tokens).toBeNull()
    }
  })

  it('stay where it keeps them again and they came since', async () => {
    const { id, slug, discord, kept } = await keeping()
    const connection = await findConnection(world.db.hot, id)
    if (!connection) throw new Error('no connection')
    const until = world.clock.now()
    await world.clock.advance('1 minute')
    const first = (await kept()).tokens
    expect(goal(await federated.signIn(world.client(), slug))).toBe('/account')
    expect((await kept()).tokens).not.toBe(first)
    const before = discord.revoked.length
    await world.db.tx('system', (tx) => releaseAt(tx, connection, until))
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before)
    expect((await kept()).tokens).not.toBeNull()
  })

  it('are revoked where the account is disconnected, or its user deleted, before the job of the deletion has run', async () => {
    for (const ending of ['disconnected', 'deleted']) {
      const { id, discord, person } = await keeping()
      const before = discord.revoked.length
      const call = systemCall(world.clock.now())
      await releaseAndDelete(id, async (tx) => {
        if (ending === 'deleted') return
        const [identity] = await tx
          .selectFrom('identities')
          .selectAll()
          .where('user_id', '=', person.id)
          .execute()
        if (!identity) throw new Error('no identity')
        await endIdentity(world.app.tools, tx, call, await getUser(tx, person.id), identity)
      })
      if (ending === 'deleted')
        expect((await person.client.delete(`${API}/users/me`, { password: PASSWORD })).status).toBe(200)
      await world.app.settle()
      expect(discord.revoked).toHaveLength(before + 1)
    }
  })

  it('are revoked before its organization is purged, also where it was deleted before', async () => {
    const [owner, member] = (await world.people(2)) as [Person, Person]
    const organization = await world.organization({
      members: [
        [owner, 'owner'],
        [member, 'member'],
      ],
    })
    const of = { organizationId: organization, madeBy: owner.id }
    const { id, discord, person } = await keeping(of, member)
    const before = discord.revoked.length
    await releaseAndDelete(id, async (tx) => {
      // as of a job that was lost
      await tx.deleteFrom('jobs').where('kind', '=', 'identities.release_kept_tokens').execute()
    })
    expect((await owner.client.delete(`${API}/organizations/${organization}`)).status).toBe(200)
    await world.clock.advance('40 days')
    await world.clock.advance('2 days')
    expect(discord.revoked).toHaveLength(before + 1)
    expect(await federated.identitiesOf(person.id)).toEqual([])
  })

  it('are revoked by the connection that they came by, where another one signs in the same account', async () => {
    const { id, discord, person, kept } = await keeping()
    const other = await federated.connect('discord', {
      slug: `discord-${++people}`,
      settings: { keeps_tokens: true },
    })
    const before = discord.revoked.length
    const first = (await kept()).tokens
    expect(goal(await federated.signIn(world.client(), other.slug))).toBe('/account')
    await world.app.settle()
    expect(discord.revoked).toHaveLength(before + 1)
    const now = await kept()
    expect([now.of, now.tokens === first, now.tokens === null]).toEqual([other.id, false, false])
    expect([id === other.id, person.id === '']).toEqual([false, false])
  })

  it('are forgotten with what they were revoked by, after a week', async () => {
    const { id, root, path } = await keeping()
    expect((await root.client.delete(path)).status).toBe(200)
    await world.app.settle()
    const released = () =>
      world.db.hot.selectFrom('released_connections').select('id').where('id', '=', id).execute()
    expect(await released()).toEqual([{ id }])
    await world.clock.advance('6 days')
    expect(await released()).toEqual([{ id }])
    await world.clock.advance('2 days')
    expect(await released()).toEqual([])
  })
})
