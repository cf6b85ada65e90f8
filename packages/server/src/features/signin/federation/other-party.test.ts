/** A connection that leads to another party: what the former one has proven, and what of it waits, ends. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { proveByConnection } from '../../../testing/connection-rows.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { samlPeer } from '../../../testing/saml-connection.ts'
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
const OTHER = { issuer: 'https://other.example' }

let count = 0
async function company() {
  const [owner] = (await world.people(1)) as [Person]
  const organization = await world.organization({ members: [[owner, 'owner']] })
  const domain = `party${++count}.example`
  await federated.prove(organization, domain)
  const { id, slug } = await federated.connect('oidc', {
    organizationId: organization,
    madeBy: owner.id,
    settings: { trusts_email: true },
  })
  const oidc = federated.fakes.provider('oidc')
  oidc.user = { sub: `party-${count}`, email: `p@${domain}`, email_verified: true, name: 'P' }
  const path = `${API}/organizations/${organization}/connections/${id}`
  const change = async (fields: object): Promise<void> => {
    const { status, text } = await owner.client.patch(path, fields)
    expect(status, text).toBe(200)
    await world.app.settle()
  }
  return { owner, organization, slug, change }
}

it('ends its sessions and their tokens, and a change that leads to the same party ends none', async () => {
  const { slug, change } = await company()
  const client = world.client()
  await federated.signIn(client, slug)
  await federated.me(client)
  const { data } = await client.post(`${API}/auth/token`, {})
  const bearer = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
  await change({ name: 'Renamed', settings: { scopes: ['groups'] } })
  expect([await validated(client), await validated(bearer)]).toEqual([200, 200])
  await change({ settings: OTHER })
  expect([await validated(client), await validated(bearer)]).toEqual([401, 401])
})

it('ends the sessions of a SAML connection with another entity ID', async () => {
  const [owner, visitor] = (await world.people(2)) as [Person, Person]
  const organization = await world.organization({ members: [[owner, 'owner'], [visitor, 'member']] }) // biome-ignore format: one line
  const { connection } = await samlPeer(world, { organizationId: organization })
  await proveByConnection(world, visitor, { connection: connection.id, organization })
  expect(await validated(visitor.client)).toBe(200)
  const path = `${API}/organizations/${organization}/connections/${connection.id}`
  const changed = await owner.client.patch(path, { settings: { saml: { entity_id: 'https://new.example' } } })
  expect(changed.status, changed.text).toBe(200)
  await world.app.settle()
  expect(await validated(visitor.client)).toBe(401)
})

/** A member for whom the connection of a company has asserted an account that waits to be connected. */
async function asked({ slug, organization, change }: Awaited<ReturnType<typeof company>>) {
  const member = await world.person()
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('memberships')
      .values({
        organization_id: organization,
        user_id: member.id,
        role: 'member',
        joined_at: world.clock.now(),
      })
      .execute(),
  )
  const CROSS = { headers: { ...HTML.headers, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } }
  const to = goal(await member.client.get(`${API}/auth/external/${slug}/authorize?flow=link`, CROSS)) ?? ''
  const answered = await federated.answer(member.client, await federated.fakes.authorize(to))
  const question = goal(answered) ?? ''
  expect(question).toMatch(/^\/account\/connected\/confirm\?trip=/)
  const { text } = await member.client.get(question, HTML)
  const token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
  const [, trip = ''] = question.split('trip=')
  const confirm = () =>
    member.client.post('/account/connected/confirm', { trip, csrf_token: token }, { form: true, ...HTML })
  const connected = async () => (await federated.identitiesOf(member.id)).length
  return { change, confirm, connected }
}

it('refuses what the former party has said and the user has not decided about', async () => {
  const { change, confirm, connected } = await asked(await company())
  await change({ settings: OTHER })
  expect([(await confirm()).status, await connected()]).toEqual([404, 0])
})

it('another name leaves what the user has not decided about, and nothing else does', async () => {
  const renamed = await asked(await company())
  for (const name of ['Second', 'Third']) await renamed.change({ name })
  expect([(await renamed.confirm()).status, await renamed.connected()]).toEqual([303, 1])
  for (const settings of [{ trusts_email: null }, { scopes: ['groups'] }]) {
    const changed = await asked(await company())
    await changed.change({ name: 'Second' })
    await changed.change({ settings })
    await changed.change({ name: 'Third' })
    expect([(await changed.confirm()).status, await changed.connected()]).toEqual([404, 0])
  }
  const enabled = await asked(await company())
  for (const status of ['disabled', 'active']) await enabled.change({ status })
  await enabled.change({ name: 'Second' })
  expect([(await enabled.confirm()).status, await enabled.connected()]).toEqual([404, 0])
})
