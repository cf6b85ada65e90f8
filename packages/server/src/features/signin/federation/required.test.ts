/** The pages of a sign-in that an organization requires: which it is, how it is connected, and what an owner may do instead. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { continuingLink, type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
beforeAll(async () => {
  federated = await startFederated()
})
afterAll(() => federated?.stop())

let count = 0

/** An organization that requires its connection, of an owner, and of a member whose address is elsewhere. */
async function requiring() {
  const { world } = federated
  const [owner, member] = (await world.people(2)) as [Person, Person]
  const name = `Analytical Engines ${++count}`
  const id = await world.organization({
    name,
    members: [
      [owner, 'owner'],
      [member, 'member'],
    ],
  })
  const connected = await federated.connect('google', {
    organizationId: id,
    madeBy: owner.id,
    name: 'Engines Directory',
  })
  const proven = () => federated.prove(id, `requires${count}.example`)
  return { id, name, owner, member, slug: connected.slug, proven }
}
const required = { sign_in: 'sso_required' }
const policyOf = (id: string) => `${API}/organizations/${id}/security-policy`

async function enforced() {
  const company = await requiring()
  await company.proven()
  expect((await company.owner.client.patch(policyOf(company.id), required)).status).toBe(200)
  const stepUp = async ({ client }: Person) => {
    expect(goal(await client.get(`/account/organizations/${company.id}/members`, HTML))).toBe('/step-up')
    return (await client.get('/step-up', HTML)).text
  }
  return { ...company, stepUp }
}

it('the step-up names the organization and the sign-in, and offers no reset of factors', async () => {
  const { name, owner, member, stepUp } = await enforced()
  const page = await stepUp(member)
  expect(page).toContain(`${name} requires that you sign in with Engines Directory.`)
  expect(page).not.toContain('I have none of these')
  expect(page).not.toContain('As an owner')
  const ofOwner = await stepUp(owner)
  expect(ofOwner).toContain('a second factor instead, also when the provider fails')
  expect(ofOwner).toContain('href="/account/security"')
  expect(ofOwner).not.toContain('I have none of these')
})

it('an account that is not connected leads to connecting it, and continues afterwards', async () => {
  const { slug, name, member, stepUp, id } = await enforced()
  const user = federated.atGoogle({ email: 'elsewhere@gmail.com' })
  const mark = continuingLink(await stepUp(member), slug).mark ?? ''
  const path = goal(await federated.signIn(member.client, slug, { continue: 'step_up', mark })) ?? ''
  expect(path).toContain('reason=not_connected')
  const refused = (await member.client.get(path, HTML)).text
  expect(refused).toContain('or connect this one first')
  expect(refused).toContain('href="/account/connected"')
  const list = (await member.client.get('/account/connected', HTML)).text
  expect(list).toContain('Engines Directory')
  expect(list).toContain(`Signs you in to ${name}`)
  federated.fakes.provider('google').user = user
  const confirm = goal(await federated.signIn(member.client, slug, { flow: 'link' })) ?? ''
  expect(goal(await federated.submit(member.client, confirm))).toBe('/account/connected?notice=connected')
  const again = continuingLink(await stepUp(member), slug).mark ?? ''
  await federated.signIn(member.client, slug, { continue: 'step_up', mark: again })
  expect((await member.client.get(`${API}/organizations/${id}/members`)).status).toBe(200)
  expect((await member.client.get('/account/connected', HTML)).text).not.toContain(`Signs you in to ${name}`)
})

it('the step-up of an account that is not connected offers that, and leads back to the page that was refused', async () => {
  const { id, slug, member, stepUp } = await enforced()
  const target = `/account/organizations/${id}/members`
  federated.atGoogle({ email: 'of-another-address@gmail.com' })
  const page = await stepUp(member)
  expect(page).toContain('Connect your account at Engines Directory')
  const [, query = ''] = new RegExp(`/external/${slug}/authorize\\?(flow=link[^"]*)`).exec(page) ?? []
  const parameters = Object.fromEntries(new URLSearchParams(query.replaceAll('&amp;', '&')))
  expect(parameters).toEqual({ flow: 'link', return_to: target })
  const confirm = goal(await federated.signIn(member.client, slug, parameters)) ?? ''
  expect(goal(await federated.submit(member.client, confirm))).toBe(target)
  const connected = await stepUp(member)
  expect(connected).not.toContain('Connect your account at')
  const { mark = '' } = continuingLink(connected, slug)
  await federated.signIn(member.client, slug, { continue: 'step_up', mark })
  expect((await member.client.get(target, HTML)).status).toBe(200)
})

it('connected accounts offer the connections of the user’s organizations alone, once a domain is proven', async () => {
  const company = await requiring()
  const { world } = federated
  const [stranger] = (await world.people(1)) as [Person]
  const offers = async ({ client }: Person) =>
    (await client.get('/account/connected', HTML)).text.includes(company.name)
  expect(await offers(company.member)).toBe(false)
  await company.proven()
  expect(await offers(company.member)).toBe(true)
  expect(await offers(stranger)).toBe(false)
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', company.slug).execute(),
  )
  expect(await offers(company.member)).toBe(false)
})
