/** Disconnecting an account at a provider ends what it has proven, by whichever connection, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

const API = '/api/v1'
let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  for (const slug of ['google', 'google-new']) await federated.connect('google', { slug })
  await federated.connect('github', { slug: 'github' })
})
afterAll(() => federated?.stop())

const validated = async (client: Client): Promise<number> => (await client.get(`${API}/auth/validate`)).status

type Account = { slug: 'google' | 'github'; user: object; id: string }

let count = 8000
/** Connects a new account at the provider to the caller. */
async function link({ client, id }: Person, slug: Account['slug']): Promise<Account> {
  if (slug === 'google') federated.atGoogle()
  else {
    const github = federated.fakes.provider('github')
    const number = ++count
    const email = `octo${number}@example.com`
    github.user = { ...github.user, id: number, login: `octo${number}`, email }
  }
  const user = { ...federated.fakes.provider(slug).user }
  const { data } = await client.post(`${API}/auth/external/${slug}/link`, {})
  const answered = await federated.answer(client, await federated.fakes.authorize(data.authorization_url))
  expect(goal(answered)).toBe('/account/connected?notice=connected')
  const identity = (await federated.identitiesOf(id)).at(-1)
  return { slug, user, id: identity?.id ?? '' }
}

const be = ({ slug, user }: Account): void => {
  federated.fakes.provider(slug).user = { ...user } as never
}

async function signInAs(account: Account, slug: string = account.slug): Promise<Client> {
  const client = world.client()
  be(account)
  await federated.signIn(client, slug)
  await federated.me(client)
  return client
}

async function stepUpBy(client: Client, account: Account): Promise<void> {
  be(account)
  const { data: step } = await client.post(`${API}/auth/step-up`, {})
  const begun = await client.post(`${API}/auth/external/${account.slug}/continue`, { attempt: step.attempt })
  await federated.answer(client, await federated.fakes.authorize(begun.data.authorization_url))
  await federated.me(client)
}

const unlink = async ({ client }: Person, { id }: Account): Promise<void> => {
  expect((await client.delete(`${API}/auth/external/${id}/unlink`)).status).toBe(200)
}

/** As sessions of earlier versions: the proofs name no identity. */
async function forgetIdentities({ id }: Person): Promise<void> {
  await world.db.tx('system', async (tx) => {
    const rows = await tx.selectFrom('sessions').select(['id', 'proofs']).where('user_id', '=', id).execute()
    for (const row of rows) {
      const proofs = row.proofs.map(({ identity: _, ...proof }) => proof)
      await tx
        .updateTable('sessions')
        .set({ proofs: JSON.stringify(proofs) })
        .where('id', '=', row.id)
        .execute()
    }
  })
}

describe('disconnecting an account', () => {
  it('ends its sessions by every connection that it was used by', async () => {
    const owner = await world.person()
    const account = await link(owner, 'google')
    const sessions = [await signInAs(account), await signInAs(account, 'google-new')]
    expect(await Promise.all(sessions.map(validated))).toEqual([200, 200])
    await unlink(owner, account)
    expect(await Promise.all(sessions.map(validated))).toEqual([401, 401])
    expect(await validated(owner.client)).toBe(200)
  })

  it('ends the session that it has proven with another one, once that is disconnected, although the owner has a third', async () => {
    const owner = await world.person()
    await link(owner, 'google')
    const [planted, further] = [await link(owner, 'google'), await link(owner, 'github')]
    const intruder = await signInAs(planted)
    await stepUpBy(intruder, further)
    await unlink(owner, planted)
    expect(await validated(intruder)).toBe(200)
    await unlink(owner, further)
    expect(await validated(intruder)).toBe(401)
  })

  it('leaves the session that another account at the same connection has proven', async () => {
    const owner = await world.person()
    const [own, other] = [await link(owner, 'google'), await link(owner, 'google')]
    const [ownSession, both, otherSession] = [await signInAs(own), await signInAs(own), await signInAs(other)]
    await stepUpBy(both, other)
    await unlink(owner, other)
    expect(await Promise.all([ownSession, both, otherSession].map(validated))).toEqual([200, 200, 401])
    await unlink(owner, own)
    expect(await Promise.all([ownSession, both].map(validated))).toEqual([401, 401])
  })

  it('leaves the session that an account has proven by a connection, although it was used by another one since', async () => {
    const owner = await world.person()
    const [kept, ended] = [await link(owner, 'google'), await link(owner, 'github')]
    const session = await signInAs(kept)
    await stepUpBy(session, ended)
    await signInAs(kept, 'google-new')
    await unlink(owner, ended)
    expect(await validated(session)).toBe(200)
  })

  it('ends by the connection what an earlier version has stored', async () => {
    const owner = await world.person()
    const [own, other] = [await link(owner, 'google'), await link(owner, 'github')]
    const [one, two] = [await signInAs(own), await signInAs(other)]
    await forgetIdentities(owner)
    await unlink(owner, other)
    expect(await Promise.all([one, two].map(validated))).toEqual([200, 401])
  })
})

describe('disabling a connection', () => {
  it('ends what it has proven, although the account was used by another connection since', async () => {
    const [root] = [await world.person({ roles: ['super_admin'] })]
    const { id, slug } = await federated.connect('google', { slug: `google-old-${++count}` })
    const owner = await world.person()
    const account = await link(owner, 'google')
    const [old, current] = [await signInAs(account, slug), await signInAs(account)]
    expect((await root.client.patch(`${API}/connections/${id}`, { status: 'disabled' })).status).toBe(200)
    await world.app.settle()
    expect(await Promise.all([old, current].map(validated))).toEqual([401, 200])
  })
})
