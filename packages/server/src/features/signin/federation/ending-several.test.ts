/** Sessions and sign-ins with proofs by several connections, or with a second factor beside one: what ends with them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindOf, type SecondMethod, type StoredProof } from '../../../base/assurance.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

const API = '/api/v1'
let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

const validated = async (client: Client): Promise<number> => (await client.get(`${API}/auth/validate`)).status

let count = 0
/** A session that the connection of an organization alone has proven. */
async function company() {
  const [owner] = (await world.people(1)) as [Person]
  const organization = await world.organization({ members: [[owner, 'owner']] })
  const domain = `several${++count}.example`
  await federated.prove(organization, domain)
  const first = await federated.connect('google', { organizationId: organization, madeBy: owner.id })
  const person = federated.atGoogle({ email: `p@${domain}`, hd: domain })
  const client = world.client()
  await federated.signIn(client, first.slug)
  await federated.me(client)
  const root = `${API}/organizations/${organization}`
  return { owner, organization, domain, first, person, client, root }
}
type Company = Awaited<ReturnType<typeof company>>

/** The session is proven by a second connection, too, and by nothing else. */
async function provenTwice() {
  const of = await company()
  const { client, organization, owner, domain } = of
  const second = await federated.connect('oidc', {
    organizationId: organization,
    madeBy: owner.id,
    settings: { trusts_email: true },
  })
  const oidc = federated.fakes.provider('oidc')
  oidc.user = { ...oidc.user, sub: `several-${count}`, email: `p@${domain}`, email_verified: true }
  const answer = async (url: string) => federated.answer(client, await federated.fakes.authorize(url))
  const link = await client.post(`${API}/auth/external/${second.slug}/link`, {})
  await answer(link.data.authorization_url)
  await federated.me(client)
  const { data: step } = await client.post(`${API}/auth/step-up`, {})
  const { attempt } = step
  const begun = await client.post(`${API}/auth/external/${second.slug}/continue`, { attempt })
  await answer(begun.data.authorization_url)
  expect(await validated(client)).toBe(200)
  return { ...of, second }
}

/** @returns the status of the answer */
const end = {
  disable: async ({ owner, root }: Company, { id }: { id: string }) =>
    (await owner.client.patch(`${root}/connections/${id}`, { status: 'disabled' })).status,
  delete: async ({ owner, root }: Company, { id }: { id: string }) =>
    (await owner.client.delete(`${root}/connections/${id}`)).status,
}

describe('a session that two connections have proven', () => {
  it.each(['disable', 'delete'] as const)('stays with one of them, and ends with both: %s', async (how) => {
    const of = await provenTwice()
    expect(await end[how](of, of.first)).toBe(200)
    await world.app.settle()
    expect(await validated(of.client)).toBe(200)
    expect(await end[how](of, of.second)).toBe(200)
    await world.app.settle()
    expect(await validated(of.client)).toBe(401)
  })

  it('ends where both are disabled before the jobs run, and at once', async () => {
    const of = await provenTwice()
    const both = await Promise.all([end.disable(of, of.first), end.disable(of, of.second)])
    expect(both).toEqual([200, 200])
    await world.app.settle()
    expect(await validated(of.client)).toBe(401)
  })

  it.each([
    ['after', true],
    ['before', false],
  ])('ends with their organization, which is restored %s the jobs run', async (_, settles) => {
    const { owner, root, client } = await provenTwice()
    expect((await owner.client.delete(root)).status).toBe(200)
    if (settles) await world.app.settle()
    expect((await owner.client.post(`${root}/restore`, {})).status).toBe(200)
    await world.app.settle()
    expect(await validated(client)).toBe(401)
  })

  it('stays with one whose settings cannot be read now, and ends once that is disabled', async () => {
    const of = await provenTwice()
    const row = await world.db.hot.selectFrom('connections').select('settings').where('id', '=', of.second.id).executeTakeFirstOrThrow() // biome-ignore format: a row
    const store = (settings: object) =>
      world.db.hot.updateTable('connections').set({ settings: JSON.stringify(settings) }).where('id', '=', of.second.id).execute() // biome-ignore format: a statement
    await store({ ...(row.settings as object), requires: 'something newer' })
    await world.clock.advance('1 minute')
    expect(await end.disable(of, of.first)).toBe(200)
    await world.app.settle()
    expect(await validated(of.client)).toBe(200)
    expect(await end.disable(of, of.second)).toBe(200)
    await world.app.settle()
    expect(await validated(of.client)).toBe(401)
  })

  it('ends once both are disconnected from its user', async () => {
    const { client } = await provenTwice()
    const { id } = await federated.me(client)
    const admin = await world.person({ roles: ['super_admin'] })
    const identities = await federated.identitiesOf(id)
    expect(identities).toHaveLength(2)
    const statuses = []
    for (const identity of identities) {
      const removed = await admin.client.delete(`${API}/users/${id}/identities/${identity.id}`)
      expect(removed.status).toBe(200)
      statuses.push(await validated(client))
    }
    expect(statuses).toEqual([200, 401])
  })
})

describe('a session that a connection has begun', () => {
  it('ends with it, although an authenticator was set up in it, which begins no sign-in', async () => {
    const of = await company()
    await enrolAuthenticator(world, of.client)
    expect(await end.delete(of, of.first)).toBe(200)
    await world.app.settle()
    expect(await validated(of.client)).toBe(401)
  })

  it.each([
    ['totp', 401],
    ['backup_code', 401],
    ['email_code', 200],
    ['password', 200],
    ['passkey', 200],
  ] as const)('and %s has proven beside it, answers %d afterwards', async (method, status) => {
    const of = await company()
    await addProof(of.client, { method, ...kindOf(method satisfies SecondMethod), at: at() })
    expect(await end.disable(of, of.first)).toBe(200)
    await world.app.settle()
    expect(await validated(of.client)).toBe(status)
  })
})

describe('what has ended', () => {
  const enable = async ({ owner, root }: Company, { id }: { id: string }) =>
    (await owner.client.patch(`${root}/connections/${id}`, { status: 'active' })).status
  const proofsOf = async (client: Client) => {
    const { id } = await federated.me(client)
    return await world.db.tx('system', (tx) =>
      tx
        .selectFrom('sessions')
        .select(['proofs', 'acr', 'amr', 'authenticated_at'])
        .where('user_id', '=', id)
        .where('ended_at', 'is', null)
        .executeTakeFirstOrThrow(),
    )
  }

  it('does not count again where its connection is enabled again', async () => {
    const of = await provenTwice()
    expect([await end.disable(of, of.first), await enable(of, of.first)]).toEqual([200, 200])
    await world.app.settle()
    expect((await proofsOf(of.client)).proofs.map(({ connection }) => connection)).toEqual([of.second.id])
    expect(await validated(of.client)).toBe(200)
    expect(await end.disable(of, of.second)).toBe(200)
    await world.app.settle()
    expect(await validated(of.client)).toBe(401)
  })

  it('does not count again whichever of concurrent changes are first, and what is proven afterwards stays', async () => {
    for (let round = 0; round < 4; round++) {
      const of = await provenTwice()
      const statuses = await Promise.all([
        end.disable(of, of.first),
        enable(of, of.first),
        end.disable(of, of.second),
        world.app.settle(),
        enable(of, of.first),
        validated(of.client),
      ])
      expect(statuses.slice(0, 3)).toEqual([200, 200, 200])
      expect(await enable(of, of.first)).toBe(200)
      const fresh = world.client()
      federated.atGoogle({ ...of.person })
      await federated.signIn(fresh, of.first.slug)
      await world.app.settle()
      expect([await validated(of.client), await validated(fresh)]).toEqual([401, 200])
    }
  })

  it('does not count again although the node that took it was ahead of the others', async () => {
    const of = await provenTwice()
    const { id } = await federated.me(of.client)
    const ahead = new Date(world.clock.now().getTime() + 60_000).toISOString()
    const { proofs } = await proofsOf(of.client)
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('sessions')
        .set({ proofs: JSON.stringify(proofs.map((proof) => ({ ...proof, at: ahead }))) })
        .where('user_id', '=', id)
        .execute(),
    )
    for (const one of [of.first, of.second])
      expect([await end.disable(of, one), await enable(of, one)]).toEqual([200, 200])
    await world.app.settle()
    expect(await validated(of.client)).toBe(401)
  })

  it('leaves the level and the time of what is left, and revokes the tokens from before', async () => {
    const of = await company()
    const before = at()
    await addProof(of.client, { method: 'password', ...kindOf('password'), at: before })
    await world.clock.advance('5 minutes')
    await addProof(of.client, {
      method: 'federation',
      ...kindOf('federation'),
      connection: of.first.id,
      connection_version: 1,
      organization: of.organization,
      mfa: true,
      at: at(),
    })
    const { id } = await federated.me(of.client)
    await world.db.tx('system', async (tx) => {
      const raised = { acr: 'aal2' as const, amr: ['fed', 'pwd', 'mfa'], authenticated_at: world.clock.now() }
      await tx.updateTable('sessions').set(raised).where('user_id', '=', id).execute()
    })
    const { data } = await of.client.post(`${API}/auth/token`, {})
    const machine = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    expect(await validated(machine)).toBe(200)
    expect([await end.disable(of, of.first), await enable(of, of.first)]).toEqual([200, 200])
    await world.app.settle()
    expect([await validated(of.client), await validated(machine)]).toEqual([200, 401])
    const { proofs, ...level } = await proofsOf(of.client)
    expect(proofs.map(({ method }) => method)).toEqual(['password'])
    expect(level).toEqual({ acr: 'aal1', amr: ['pwd'], authenticated_at: new Date(before) })
    // and the next token is of that level
    await world.clock.advance('2 seconds')
    const next = (await of.client.post(`${API}/auth/token`, {})).data.access_token
    expect(await validated(world.client({ headers: { authorization: `Bearer ${next}` } }))).toBe(200)
  })

  it('is gone from a session that stays when the account at the provider is disconnected', async () => {
    const of = await provenTwice()
    const { id } = await federated.me(of.client)
    const admin = await world.person({ roles: ['super_admin'] })
    const identities = await federated.identitiesOf(id)
    const first = identities.find(({ connection_id }) => connection_id === of.first.id)
    expect((await admin.client.delete(`${API}/users/${id}/identities/${first?.id}`)).status).toBe(200)
    expect((await proofsOf(of.client)).proofs.map(({ connection }) => connection)).toEqual([of.second.id])
  })
})

const at = () => world.clock.now().toISOString()

/** Writes a proof to the sessions of a user. */
async function addProof(client: Client, proof: StoredProof): Promise<void> {
  const { id } = await federated.me(client)
  await world.db.tx('system', async (tx) => {
    const row = await tx
      .selectFrom('sessions')
      .select(['id', 'proofs'])
      .where('user_id', '=', id)
      .executeTakeFirstOrThrow()
    const proofs = JSON.stringify([...row.proofs, proof])
    await tx.updateTable('sessions').set({ proofs }).where('id', '=', row.id).execute()
  })
}

describe('a sign-in that waits for a second factor', () => {
  const wait = async ({ person, first: { slug } }: Company) => {
    const client = world.client()
    federated.atGoogle({ ...person })
    expect(goal(await federated.signIn(client, slug))).toBe('/second-factor')
    return client
  }
  const page = async (client: Client) => goal(await client.get('/second-factor', HTML))

  it('ends with the connection, although it is enabled again and the password was proven too', async () => {
    const of = await company()
    federated.atGoogle({ ...of.person })
    await enrolAuthenticator(world, of.client)
    const waiting = await wait(of)
    const { id } = await federated.me(of.client)
    await world.db.tx('system', async (tx) => {
      const open = () => tx.selectFrom('attempts').where('user_id', '=', id).where('finished_at', 'is', null)
      const row = await open().select(['id', 'proofs']).executeTakeFirstOrThrow()
      const proofs = [...(row.proofs as object[]), { method: 'password', ...kindOf('password'), at: at() }]
      await tx
        .updateTable('attempts')
        .set({ proofs: JSON.stringify(proofs) })
        .where('id', '=', row.id)
        .execute()
    })
    expect(await end.disable(of, of.first)).toBe(200)
    expect(
      (await of.owner.client.patch(`${of.root}/connections/${of.first.id}`, { status: 'active' })).status,
    ).toBe(200)
    await world.app.settle()
    expect(await page(waiting)).toBe('/sign-in?notice=attempt_ended')
  })

  it('ends with the connection that began it, and stays where another one ends', async () => {
    const [of, other] = [await company(), await company()]
    federated.atGoogle({ ...of.person })
    await enrolAuthenticator(world, of.client)
    const waiting = await wait(of)
    expect(await end.disable(other, other.first)).toBe(200)
    await world.app.settle()
    expect(await page(waiting)).toBeNull()
    expect(await end.disable(of, of.first)).toBe(200)
    await world.app.settle()
    expect(await page(waiting)).toBe('/sign-in?notice=attempt_ended')
  })
})
