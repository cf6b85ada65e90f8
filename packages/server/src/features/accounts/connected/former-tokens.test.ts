/** Kept tokens that new ones do not take the place of: they are revoked by the client that they came by. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { findConnection } from '../../../core/connections/index.ts'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'
import type { World } from '../../../testing/world.ts'
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

let count = 0
/** A connection that keeps tokens. */
const keeping = () =>
  federated.connect('discord', { slug: `former-${++count}`, settings: { keeps_tokens: true } })

/** A connection that keeps tokens, and a user who has connected an account by it. */
async function connected() {
  const { slug, id } = await keeping()
  const discord = federated.fakes.provider('discord')
  discord.user = { ...discord.user, id: String(7000 + ++count) }
  const person = await world.person()
  const { data } = await person.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(person.client, await federated.fakes.authorize(data.authorization_url))
  const kept = async () => {
    const [identity] = await federated.identitiesOf(person.id)
    return { of: identity?.connection_id, token: tokenIn(identity?.tokens) }
  }
  const signIn = async (by = slug) => {
    expect(goal(await federated.signIn(world.client(), by))).toBe('/account')
    await world.app.settle()
  }
  const disconnect = async () => {
    const [identity] = await federated.identitiesOf(person.id)
    if (!identity) throw new Error('no identity')
    const call = systemCall(world.clock.now())
    await world.db.tx('system', async (tx) =>
      endIdentity(world.app.tools, tx, call, await getUser(tx, person.id), identity),
    )
    await world.app.settle()
  }
  const before = discord.revoked.length
  return { slug, id, person, kept, signIn, disconnect, revoked: () => discord.revoked.slice(before) }
}

/** What a job would send to the provider to revoke. */
function tokenIn(sealed: string | null | undefined): string | null {
  if (!sealed) return null
  const { refresh_token, access_token } = keptTokenJobs.read(world.app.tools.keyring, sealed)
  return refresh_token ?? access_token
}

/** The connection has another client from now on; the job that clears what came by the former one waits. */
async function replaceClient(id: string, former?: string): Promise<void> {
  const connection = await findConnection(world.db.hot, id)
  if (!connection) throw new Error('no connection')
  await world.db.tx('system', async (tx) => {
    const released = { ...connection, clientId: former ?? connection.clientId }
    await releaseKeptTokens.ofConnection(world.app.tools, tx, released)
    await tx.deleteFrom('jobs').where('kind', '=', 'identities.release_kept_tokens').execute()
  })
  await world.clock.advance('1 minute')
}

it('are revoked where the account signs in by another client before the job has run', async () => {
  const { id, kept, signIn, revoked } = await connected()
  const first = await kept()
  await replaceClient(id)
  await signIn()
  const second = await kept()
  expect(revoked()).toEqual([first.token])
  expect([second.token === first.token, second.token === null]).toEqual([false, false])
  // of the same client they take the place
  await world.clock.advance('1 minute')
  await signIn()
  expect(revoked()).toEqual([first.token])
  expect((await kept()).token).not.toBe(second.token)
})

it('are not revoked by the present client, nor those of the present one by the former', async () => {
  const { id, kept, signIn, disconnect, revoked } = await connected()
  await replaceClient(id, 'of-another-party')
  await signIn()
  // the provider refuses a client that it does not know
  expect(revoked()).toEqual([])
  const { token } = await kept()
  await disconnect()
  expect(revoked()).toEqual([token])
})

it('are revoked when the client is replaced, by the former one', async () => {
  const { id, kept, revoked } = await connected()
  const { token } = await kept()
  const root = await world.person({ roles: ['super_admin'] })
  const path = `${API}/connections/${id}`
  const { status, text } = await root.client.patch(path, { client_id: 'another-client' })
  expect(status, text).toBe(200)
  await world.app.settle()
  expect([revoked(), (await kept()).token]).toEqual([[token], null])
})

it.each(['another connection', 'the same one'])(
  'of a registration that was never verified are revoked where its account at the provider is connected to another user by another connection: %s',
  async (by) => {
    const { slug, person, kept, revoked } = await connected()
    const { token } = await kept()
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ status: 'pending' }).where('id', '=', person.id).execute(),
    )
    const other = by === 'the same one' ? { slug } : await keeping()
    const owner = await world.person()
    const { data } = await owner.client.post(`${API}/auth/external/${other.slug}/link`, {})
    await federated.answer(owner.client, await federated.fakes.authorize(data.authorization_url))
    await world.app.settle()
    expect(revoked()).toEqual(by === 'the same one' ? [] : [token])
    expect((await federated.identitiesOf(owner.id)).map(({ tokens }) => tokens !== null)).toEqual([true])
    expect(await federated.identitiesOf(person.id)).toEqual([])
  },
)

it('are revoked where sign-ins by two connections race: all but those that the last one keeps, and those that the same client has replaced', async () => {
  const { slug, id, kept, signIn, revoked } = await connected()
  const other = await keeping()
  for (let round = 0; round < 3; round += 1) {
    await signIn()
    const before = revoked().length
    await Promise.all([signIn(), signIn(other.slug)])
    // the second one revokes what the first one keeps, which has replaced the tokens, or revoked them
    const ended = revoked().length - before
    expect([slug, ended]).toEqual([slug, (await kept()).of === id ? 2 : 1])
  }
})
