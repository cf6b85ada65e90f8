/** Members whose domain is assigned to a connection that is inactive, while that of a set-up link is active. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { kindOf } from '../../../base/assurance.ts'
import type { Client } from '../../../testing/client.ts'
import { connect, ownDomain, proveByConnection } from '../../../testing/connection-rows.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { pathOf } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

let count = 0

/** A member of each of two domains and an owner of none; the first domain is assigned to `main`, the other one to that of a link. */
async function company() {
  const n = ++count
  const [owner] = (await world.people(1)) as [Person]
  const [member, other] = [
    await world.person({ email: `ada@waits${n}.example` }),
    await world.person({ email: `bob@link${n}.example` }),
  ]
  const id = await world.organization({ members: [[owner, 'owner'], [member, 'admin'], [other, 'member']] }) // biome-ignore format: one line
  const [main, link] = [
    await connect(world, id, { provider: 'google' }),
    await connect(world, id, { origin: 'setup_link' }),
  ]
  for (const name of ['waits', 'link'])
    await ownDomain(world, id, `${name}${n}.example`, { addedBy: owner.id })
  const { data } = await owner.client.get(`/api/v1/organizations/${id}/domains`)
  const domainOf = (name: string) =>
    data.find(({ domain }: { domain: string }) => domain.startsWith(name)).id as string
  const lead = async (name: string, connection: string | null) => {
    const path = `/api/v1/organizations/${id}/domains/${domainOf(name)}`
    const { status, text } = await owner.client.patch(path, { connection_id: connection })
    expect(status, text).toBe(200)
  }
  await lead('waits', main)
  await lead('link', link)
  await proveByConnection(world, owner, { connection: main, organization: id })
  expect((await owner.client.patch(pathOf(id), { sign_in: 'sso_required' })).status).toBe(200)
  const set = async (sent: object) => {
    const { status, text } = await owner.client.patch(`/api/v1/organizations/${id}/connections/${main}`, sent)
    expect(status, text).toBe(200)
  }
  const by = (one: Person, connection: string) =>
    proveByConnection(world, one, { connection, organization: id })
  return { id, owner, member, other, main, link, lead, set, by }
}
type Company = Awaited<ReturnType<typeof company>>

const answer = async ({ client }: { client: Client }, { id }: Company) => {
  const { status, body } = await client.get(`/api/v1/organizations/${id}`)
  return status === 200 ? 'acts' : (body.error?.details.connection ?? body.error?.details.methods)
}
const bearerOf = async ({ client }: Person, { id }: Company): Promise<Client> => {
  const { data } = await client.post('/api/v1/auth/organization', { organization_id: id })
  client.csrfToken = data.session.csrf_token
  const { access_token } = (await client.post('/api/v1/auth/tokens', {})).data
  return world.client({ headers: { authorization: `Bearer ${access_token}` } })
}
const validated = async (client: Client) => (await client.get('/api/v1/auth/validate')).status
/** Whose sessions would act no longer, as the preview counts them. */
const losing = async ({ owner, id }: Company) =>
  (await owner.client.post(`${pathOf(id)}/preview`, { sign_in: 'sso_required' })).data.loses_session

it('sign in without the requirement until it is enabled, and not by that of the link', async () => {
  const of = await company()
  const { owner, member, other, main, link, set, by } = of
  await by(owner, main)
  await by(other, link)
  await by(member, link)
  expect([await answer(member, of), await answer(other, of)]).toEqual([main, 'acts'])
  await by(owner, link)
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', main).execute(),
  )
  // for an address of no domain of the organization, that of the link does
  expect([await answer(owner, of), await answer(other, of), await answer(member, of)]).toEqual([
    'acts',
    'acts',
    ['password'],
  ])
  const refused = await member.client.get(`/api/v1/organizations/${of.id}`)
  expect([refused.status, refused.body.error.code]).toEqual([401, 'STEP_UP_REQUIRED'])
  // a step-up by what is left
  const { data } = await member.client.post('/api/v1/auth/step-up', { organization_id: of.id })
  expect(data.methods).toEqual(['password'])
  const proof = { attempt: data.attempt, method: 'password', password: member.password }
  const proven = await member.client.post('/api/v1/auth/mfa/verify', proof)
  expect(proven.status, proven.text).toBe(200)
  member.client.csrfToken = proven.data.session.csrf_token
  expect(await answer(member, of)).toBe('acts')
  // and a sign-in
  const again = world.client()
  await again.signIn(member.email, member.password)
  expect(await answer({ client: again }, of)).toBe('acts')
  const bearer = await bearerOf({ ...member, client: again }, of)
  expect(await validated(bearer)).toBe(200)
  await world.clock.advance('2 seconds')
  await set({ client_id: 'x', client_secret: 'y', status: 'active' })
  expect([await answer({ client: again }, of), await validated(bearer)]).toEqual([main, 401])
})

it('are refused what that of the link has proven, also where no connection is required of anyone', async () => {
  const of = await company()
  const { owner, member, main, link, lead, by } = of
  await lead('link', main)
  await by(member, link)
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', main).execute(),
  )
  const again = world.client()
  await again.signIn(owner.email, owner.password)
  expect([await answer({ client: again }, of), await answer(member, of)]).toEqual(['acts', ['password']])
  const counted = { ...of, owner: { ...owner, client: again } as Person }
  const sessions = (set: object) =>
    world.db.tx('system', (tx) =>
      tx.updateTable('sessions').set(set).where('user_id', '=', member.id).execute(),
    )
  await sessions({ organization_id: of.id })
  expect(await losing(counted)).toBe(1)
  const password = [{ method: 'password', ...kindOf('password'), at: world.clock.now().toISOString() }]
  await sessions({ proofs: JSON.stringify(password) })
  expect(await losing(counted)).toBe(0)
})

it('keep what the inactive one has proven, while its settings cannot be read', async () => {
  const of = await company()
  const { member, main, by } = of
  await by(member, main)
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('connections')
      .set({ status: 'disabled', unreadable_since: world.clock.now() })
      .where('id', '=', main)
      .execute(),
  )
  expect(await answer(member, of)).toBe('acts')
})

it('lose access tokens by that of the link, where their domain is assigned to the inactive one', async () => {
  const of = await company()
  const { owner, member, main, link, lead, by } = of
  await by(owner, main)
  await lead('waits', link)
  await by(member, link)
  const bearer = await bearerOf(member, of)
  await by(owner, link)
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', main).execute(),
  )
  await world.clock.advance('2 seconds')
  expect(await validated(bearer)).toBe(200)
  await lead('waits', main)
  expect([await validated(bearer), await answer(member, of)]).toEqual([401, ['password']])
})
