/**
 * An existing account that is connected at the sign-in of an organization: it becomes a member by the rules of a sign-in, and
 * the session acts there.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { continuingLink, type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { formIn } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

let count = 0

/** An organization with a connection, and an account with a verified address of its domain that does not belong to it. */
async function company(settings: object = {}) {
  const domain = `connects${++count}.example`
  const [owner, ada] = (await world.people([{}, { email: `ada@${domain}`, signIn: false }])) as [
    Person,
    Person,
  ]
  const id = await world.organization({ name: `Engines ${count}`, members: [[owner, 'owner']] })
  await federated.prove(id, domain)
  const { slug } = await federated.connect('google', { organizationId: id, madeBy: owner.id, settings })
  return { id, owner, ada, domain, slug }
}

/** The page of the provider’s answer, after which the user signs in here by password. @returns the page that connects */
async function asked(client: Client, { slug, ada }: { slug: string; ada: Person }): Promise<string> {
  const question = goal(await federated.signIn(client, slug)) ?? ''
  expect(question).toMatch(/^\/sign-in\/connect\?trip=/)
  const confirm = `/account/connected/confirm?trip=${question.split('=')[1]}`
  const signIn = `/sign-in?return_to=${encodeURIComponent(confirm)}`
  // its domain leads to the provider, which has answered already
  const form = goal(await federated.submit(client, signIn, { identifier: ada.email })) ?? ''
  expect(form).toMatch(/^\/sign-in\?with=password&/)
  const typed = { identifier: ada.email, password: PASSWORD }
  expect(goal(await federated.submit(client, form, typed))).toBe(confirm)
  return confirm
}

const roleIn = async (id: string, user: Person): Promise<string | null> =>
  await world.db.tx('system', async (tx) => {
    const rows = tx.selectFrom('memberships').select('role').where('organization_id', '=', id)
    return (await rows.where('user_id', '=', user.id).executeTakeFirst())?.role ?? null
  })
const joinedEvents = async ({ id }: Person) =>
  await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['organization_id', 'details'])
      .where('user_id', '=', id)
      .where('event_type', '=', 'organization.member.joined')
      .execute(),
  )
const actsIn = async (client: Client): Promise<string | null> =>
  (await client.get(`${API}/auth/validate`)).data.organization_id ?? null

describe('an account that is connected at the sign-in of an organization', () => {
  it('is that of a member, with the role of the connection, and acts there', async () => {
    const of = await company({ default_role: 'guest' })
    federated.atGoogle({ email: of.ada.email, hd: of.domain })
    const client = world.client()
    const page = await asked(client, of)
    expect(await roleIn(of.id, of.ada)).toBeNull()
    expect(goal(await federated.submit(client, page))).toBe('/account/connected?notice=connected')
    expect(await roleIn(of.id, of.ada)).toBe('guest')
    expect(await joinedEvents(of.ada)).toMatchObject([
      { organization_id: of.id, details: { role: 'guest', connection_id: of.slug } },
    ])
    expect(await actsIn(client)).toBe(of.id)
  })

  it('acts where it did, if the organization requires its sign-in, and there after a step-up by it', async () => {
    const of = await company()
    const other = await world.organization({ members: [[of.ada, 'member']] })
    const policy = `${API}/organizations/${of.id}/security-policy`
    expect((await of.owner.client.patch(policy, { sign_in: 'sso_required' })).status).toBe(200)
    federated.atGoogle({ email: of.ada.email, hd: of.domain })
    const client = world.client()
    await federated.submit(client, await asked(client, of))
    expect([await roleIn(of.id, of.ada), await actsIn(client)]).toEqual(['member', other])
    const members = `/account/organizations/${of.id}/members`
    expect(goal(await client.get(members, HTML))).toBe('/step-up')
    const { mark = '' } = continuingLink((await client.get('/step-up', HTML)).text, of.slug)
    await federated.signIn(client, of.slug, { continue: 'step_up', mark })
    expect((await client.get(members, HTML)).status).toBe(200)
  })

  it('leaves the organization in which the session acted, as a sign-in there would', async () => {
    const of = await company()
    const other = await world.organization({ members: [[of.ada, 'member']] })
    federated.atGoogle({ email: of.ada.email, hd: of.domain })
    const client = world.client()
    const page = await asked(client, of)
    expect(await actsIn(client)).toBe(other)
    await federated.submit(client, page)
    expect(await actsIn(client)).toBe(of.id)
  })

  it('joins once, of twenty forms at once', async () => {
    const of = await company()
    federated.atGoogle({ email: of.ada.email, hd: of.domain })
    const client = world.client()
    const { action, fields } = formIn((await client.get(await asked(client, of), HTML)).text)
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => client.post(action, fields, { form: true, ...HTML })),
    )
    expect(replies.filter(({ status }) => status >= 500)).toEqual([])
    expect(await joinedEvents(of.ada)).toHaveLength(1)
    expect(await actsIn(client)).toBe(of.id)
  })
})

describe('is connected without a membership', () => {
  it.each([
    ['where the connection registers no users', { registers: false }],
    ['where the organization has removed the user', {}],
  ])('%s', async (_, settings) => {
    const of = await company(settings)
    if (!('registers' in settings)) {
      const members = `${API}/organizations/${of.id}/members`
      const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
      expect((await root.client.post(members, { user_id: of.ada.id, role: 'member' })).status).toBe(201)
      expect((await of.owner.client.delete(`${members}/${of.ada.id}`)).status).toBe(200)
    }
    federated.atGoogle({ email: of.ada.email, hd: of.domain })
    const client = world.client()
    await federated.submit(client, await asked(client, of))
    expect(await federated.identitiesOf(of.ada.id)).toHaveLength(1)
    expect([await roleIn(of.id, of.ada), await actsIn(client)]).toEqual([null, null])
    expect(await joinedEvents(of.ada)).toEqual([])
  })
})

it('an identity of another domain makes no member of the user who connects it', async () => {
  const of = await company()
  federated.atGoogle({ email: `mallory${count}@elsewhere.example`, hd: 'elsewhere.example' })
  const client = world.client()
  await federated.submit(client, await asked(client, of))
  expect(await federated.identitiesOf(of.ada.id)).toHaveLength(1)
  expect([await roleIn(of.id, of.ada), await actsIn(client)]).toEqual([null, null])
  expect(await joinedEvents(of.ada)).toEqual([])
})

it('a link of the own account makes a member too, and leaves the session where it acts', async () => {
  const of = await company()
  const client = world.client()
  await client.signIn(of.ada.email, PASSWORD)
  const other = await world.organization({ members: [[of.ada, 'member']] })
  expect((await client.post(`${API}/auth/organization`, { organization_id: other })).status).toBe(200)
  federated.atGoogle({ email: of.ada.email, hd: of.domain })
  await federated.me(client)
  const begun = await client.post(`${API}/auth/external/${of.slug}/link`, {})
  await federated.answer(client, await federated.fakes.authorize(begun.data.authorization_url))
  expect(await federated.identitiesOf(of.ada.id)).toHaveLength(1)
  expect([await roleIn(of.id, of.ada), await actsIn(client)]).toEqual(['member', other])
})
