/**
 * Whose account an organization's provider is connected with. It states any address of the organization's domains, which a
 * stranger can prove: what counts is the membership of the caller, and the address that they have verified here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

const API = '/api/v1'
/** As a browser opens a link of another site. */
const CROSS_SITE = {
  headers: { ...HTML.headers, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
}

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

let count = 0
/** A stranger's organization with a proven domain, whose provider states an address of it. */
async function strangers() {
  const [stranger] = (await world.people(1)) as [Person]
  const organization = await world.organization({ name: 'Google', members: [[stranger, 'owner']] })
  const domain = `lure${++count}.example`
  await federated.prove(organization, domain)
  const { id, slug } = await federated.connect('google', {
    organizationId: organization,
    madeBy: stranger.id,
    name: 'Google',
  })
  const states = (local: string) => {
    federated.atGoogle({ sub: `lure-${++count}`, email: `${local}@${domain}`, hd: domain })
  }
  states('x')
  return { stranger, organization, domain, id, slug, states }
}

const subjectsOf = async ({ id }: Person) => (await federated.identitiesOf(id)).length

const answered = async (client: Client, url: string | null) =>
  goal(await federated.answer(client, await federated.fakes.authorize(url ?? ''))) ?? ''

/** The question of a sign-in, which the signed-in caller confirms. */
const questionOf = async (client: Client, slug: string) => goal(await federated.signIn(client, slug)) ?? ''
const confirmOf = (question: string) => `/account/connected/confirm?${question.split('?')[1]}`

/** Both ways to connect while signed in. @returns where the browser is then */
const ways: [string, (client: Client, slug: string) => Promise<string>][] = [
  [
    'a link of another site',
    async (client, slug) =>
      answered(
        client,
        goal(await client.get(`${API}/auth/external/${slug}/authorize?flow=link`, CROSS_SITE)),
      ),
  ],
  [
    'the API',
    async (client, slug) =>
      answered(client, (await client.post(`${API}/auth/external/${slug}/link`, {})).data.authorization_url),
  ],
]

describe.each(ways)('connecting by %s', (_name, connect) => {
  it('is refused to a user of another domain who is no member, with the reason', async () => {
    const { id, slug } = await strangers()
    const victim = await world.person()
    const failed = await connect(victim.client, slug)
    expect(failed).toMatch(/^\/sign-in\/failed\?.*reason=domain_refused/)
    expect((await victim.client.get(failed, HTML)).text).toContain(
      'belongs to an organization that you are not a member of',
    )
    expect(await subjectsOf(victim)).toBe(0)
    const event = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('connection_events')
        .select(['fault', 'user_id'])
        .where('connection_id', '=', id)
        .executeTakeFirst(),
    )
    expect(event).toEqual({ fault: 'domain_refused', user_id: victim.id })
  })
})

describe('connecting', () => {
  const link = ways[1]?.[1] ?? (() => Promise.reject(new Error('no way')))

  it('is for members of any address, and for users whose own verified address is of the domain', async () => {
    const { organization, domain, slug, stranger } = await strangers()
    const member = await world.person()
    const { data } = await stranger.client.post(`${API}/organizations/${organization}/invitations`, {
      email: member.email,
      role: 'member',
    })
    expect((await member.client.post(`${API}/users/me/invitations/${data.id}/accept`, {})).status).toBe(200)
    expect(await link(member.client, slug)).toBe('/account/connected?notice=connected')
    federated.atGoogle({ email: `y@${domain}`, hd: domain })
    const employee = await world.person({ email: `employee@${domain}` })
    expect(await link(employee.client, slug)).toBe('/account/connected?notice=connected')
  })

  it('is not for a user of the domain of another organization, nor once the own one is deleted', async () => {
    const one = await strangers()
    const other = await strangers()
    const employee = await world.person({ email: `employee@${one.domain}` })
    expect(await link(employee.client, other.slug)).toContain('reason=domain_refused')
    const begun = await employee.client.post(`${API}/auth/external/${one.slug}/link`, {})
    expect((await one.stranger.client.delete(`${API}/organizations/${one.organization}`)).status).toBe(200)
    expect(await answered(employee.client, begun.data.authorization_url)).toContain('/sign-in/failed')
    expect(await subjectsOf(employee)).toBe(0)
  })

  it('is refused where the membership or the domain ends while the answer is on its way', async () => {
    const { organization, domain, slug } = await strangers()
    const employee = await world.person({ email: `employee@${domain}` })
    const begun = await employee.client.post(`${API}/auth/external/${slug}/link`, {})
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('organization_domains').where('organization_id', '=', organization).execute(),
    )
    expect(await answered(employee.client, begun.data.authorization_url)).toContain('reason=domain_refused')
    expect(await subjectsOf(employee)).toBe(0)
  })

  it('is refused for an address of the domain that is not verified', async () => {
    const off = await startFederated({ emailVerification: 'off' })
    try {
      const [owner] = (await off.world.people(1)) as [Person]
      const organizationId = await off.world.organization({ members: [[owner, 'owner']] })
      await off.prove(organizationId, 'unverified.example')
      const { slug } = await off.connect('google', { organizationId, madeBy: owner.id })
      const employee = await off.world.person({ email: 'employee@unverified.example' })
      off.atGoogle({ email: 'z@unverified.example', hd: 'unverified.example' })
      const begun = await employee.client.post(`${API}/auth/external/${slug}/link`, {})
      const back = await off.fakes.authorize(begun.data.authorization_url)
      expect(goal(await off.answer(employee.client, back))).toContain('reason=domain_refused')
      expect(await off.identitiesOf(employee.id)).toEqual([])
    } finally {
      await off.stop()
    }
  })
})

describe('the question of a sign-in', () => {
  /** `owner`: the address has an account here; `account`: the provider states none that it verifies. */
  it.each(['owner', 'account'])('%s is not answered by a user of another domain', async (kind) => {
    const { slug, domain, states } = await strangers()
    const victim = await world.person()
    if (kind === 'owner') {
      await world.person({ email: `owner@${domain}` })
      states('owner')
    } else federated.atGoogle({ email: 'x@elsewhere.example' })
    const question = await questionOf(world.client(), slug)
    expect(question).toMatch(/^\/sign-in\/connect\?trip=/)
    const asked = await questionOf(victim.client, slug)
    expect(goal(await victim.client.get(confirmOf(asked), HTML))).toContain('reason=domain_refused')
    const fields = { trip: asked.split('=')[1] ?? '', csrf_token: victim.client.csrfToken ?? '' }
    const sent = await victim.client.post('/account/connected/confirm', fields, { form: true, ...HTML })
    expect([sent.status, await subjectsOf(victim)]).toEqual([409, 0])
  })

  it('is answered by the owner of the address, who signs in to that account', async () => {
    const { slug, domain, states } = await strangers()
    const owner = await world.person({ email: `owner@${domain}` })
    states('owner')
    const asked = await questionOf(owner.client, slug)
    await federated.submit(owner.client, confirmOf(asked))
    expect(await subjectsOf(owner)).toBe(1)
  })

  it('registers with an address of the domain alone', async () => {
    const { slug } = await strangers()
    const victim = await world.person()
    federated.atGoogle({ email: 'x@elsewhere.example' })
    const client = world.client()
    const asked = await questionOf(client, slug)
    const [, trip = ''] = asked.split('=')
    const sent = await client.post('/sign-in/connect', { trip, email: victim.email }, { form: true, ...HTML })
    expect(sent.status).toBeGreaterThanOrEqual(400)
    expect(await subjectsOf(victim)).toBe(0)
  })
})

it('a registration of the domain that was never verified is still claimed by its owner’s first sign-in', async () => {
  const { slug, domain, states } = await strangers()
  const email = `claimed@${domain}`
  await world.client().post(`${API}/auth/register`, { email, password: 'chosen by a stranger' })
  states('claimed')
  const client = world.client()
  expect(goal(await federated.signIn(client, slug))).not.toContain('failed')
  expect((await federated.me(client)).email).toBe(email)
})
