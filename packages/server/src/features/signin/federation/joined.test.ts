/** A sign-in by the connection of an organization, from the browser’s side: it makes a member, and acts there alone. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
beforeAll(async () => {
  federated = await startFederated()
})
afterAll(() => federated?.stop())

it('registers a member, whose session acts in the organization, and in another one after a step-up alone', async () => {
  const { world } = federated
  const [owner] = (await world.people(1)) as [Person]
  const id = await world.organization({ members: [[owner, 'owner']] })
  const other = await world.organization({ name: 'Other', members: [[owner, 'owner']] })
  await federated.prove(id, 'joined.example')
  const { slug, id: connection } = await federated.connect('google', {
    organizationId: id,
    settings: { default_role: 'guest', trusts_mfa: true, trusts_email: true },
  })
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ made_by: owner.id }).where('id', '=', connection).execute(),
  )
  federated.atGoogle({ email: 'ada@joined.example', hd: 'joined.example', amr: ['pwd', 'mfa'] })
  const client = world.client()
  expect(goal(await federated.signIn(client, slug))).toBe('/account')
  const me = await federated.me(client)
  const { data } = await client.get(`${API}/auth/validate`)
  expect(data).toMatchObject({ user_id: me.id, organization_id: id, acr: 'aal2' })
  const members = await owner.client.get(`${API}/organizations/${id}/members`)
  expect(members.data.map((one: { role: string }) => one.role).sort()).toEqual(['guest', 'owner'])
  // a member of the other organization too, where this provider proves nothing
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('memberships')
      .values({ organization_id: other, user_id: me.id, role: 'admin', joined_at: world.clock.now() })
      .execute(),
  )
  const refused = await client.get(`${API}/organizations/${other}/members`)
  expect([refused.status, refused.code]).toEqual([401, 'STEP_UP_REQUIRED'])
  // a further sign-in acts in the organization of its connection, of two
  const again = world.client()
  await federated.signIn(again, slug)
  expect((await again.get(`${API}/auth/validate`)).data.organization_id).toBe(id)
})

it('of a contractor does not have the roles of the server, before a proof of the account', async () => {
  const { world, fakes } = federated
  const [owner, admin] = (await world.people([{}, { roles: ['super_admin'] }])) as [Person, Person]
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [admin, 'member'],
    ],
  })
  await federated.prove(id, 'contracting.example')
  const { slug } = await federated.connect('google', { organizationId: id, madeBy: owner.id })
  // the administrator of the server has connected their account at the provider of the organization
  const atProvider = federated.atGoogle({ email: 'admin@contracting.example', hd: 'contracting.example' })
  const begun = await admin.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(admin.client, await fakes.authorize(begun.data.authorization_url))
  expect(await federated.identitiesOf(admin.id)).toHaveLength(1)

  // the administrator of the provider signs in as them
  fakes.provider('google').user = atProvider
  const client = world.client()
  expect(goal(await federated.signIn(client, slug))).toBe('/account')
  await federated.me(client)
  const { data } = await client.get(`${API}/auth/validate`)
  expect(data).toMatchObject({ user_id: admin.id, organization_id: id, roles: [], permissions: [] })
  expect((await client.get(`${API}/users`)).code).toBe('INSUFFICIENT_PERMISSIONS')
  const { data: step } = await client.post(`${API}/auth/step-up`, {})
  const proof = { attempt: step.attempt, method: 'password', password: PASSWORD }
  expect((await client.post(`${API}/auth/mfa/verify`, proof)).status).toBe(200)
  expect((await client.get(`${API}/users`)).status).toBe(200)
})
