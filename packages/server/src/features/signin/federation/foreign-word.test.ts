/**
 * What the provider of an organization says of addresses that are none of its domains. The maker of a connection can name the
 * provider, and so what it says: GitHub by a base URL, any issuer of OpenID Connect.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { continuingLink, type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'
/** As a browser sends a link of another site. */
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
/** GitHub, which says that the address is verified. */
const atGitHub = (of: Federated, email: string) => {
  const fake = of.fakes.provider('github')
  fake.user = { ...fake.user, id: 9000 + ++count, emails: [{ email, primary: true, verified: true }] }
}

/** An organization of a stranger, whose connection is active, and to whose provider no domain leads. */
async function foreignConnection(of: Federated): Promise<string> {
  const [owner] = (await of.world.people(1)) as [Person]
  const organizationId = await of.world.organization({
    name: `Foreign ${++count}`,
    members: [[owner, 'owner']],
  })
  return (await of.connect('github', { organizationId, madeBy: owner.id })).slug
}

const subjectsOf = async ({ id }: Person) => (await federated.identitiesOf(id)).map(({ subject }) => subject)

describe('a provider that an attempt does not offer', () => {
  it('does not continue a step-up, neither by a link of another site nor by one with a mark', async () => {
    const slug = await foreignConnection(federated)
    const victim = await world.person()
    atGitHub(federated, victim.email)
    // two navigations that another site begins
    await victim.client.get('/step-up', CROSS_SITE)
    const path = `${API}/auth/external/${slug}/authorize?continue=step_up`
    expect(goal(await victim.client.get(path, CROSS_SITE))).toContain('reason=expired')
    // the page about it has a link with a mark
    const failed = await victim.client.get(
      `/sign-in/failed?provider=${slug}&flow=step_up&reason=denied`,
      HTML,
    )
    const { mark = '' } = continuingLink(failed.text, slug)
    expect(mark).toHaveLength(43)
    expect(goal(await victim.client.get(`${path}&mark=${mark}`, HTML))).toContain('reason=not_offered')
    expect(await subjectsOf(victim)).toEqual([])
  })

  it('does not continue a sign-in that waits for the second factor', async () => {
    const slug = await foreignConnection(federated)
    const victim = await world.person()
    await enrolAuthenticator(world, victim.client)
    atGitHub(federated, victim.email)
    const thief = world.client()
    const waiting = await thief.post(`${API}/auth/login`, { username: victim.email, password: PASSWORD })
    const { attempt } = waiting.body.error.details
    const begun = await thief.post(`${API}/auth/external/${slug}/continue`, { attempt })
    expect([begun.status, begun.body.error.details]).toEqual([404, { reason: 'not_offered' }])
    expect(await subjectsOf(victim)).toEqual([])
  })
})

describe('a mark', () => {
  it('is of one attempt', async () => {
    await federated.connect('google', { name: 'Google' })
    const marked = async () => {
      const { email } = federated.atGoogle()
      const client = world.client()
      expect(goal(await federated.signIn(client, 'google'))).toBe('/account')
      // the first answer leads to the page, with a cookie
      await client.get('/step-up', HTML)
      const { mark = '' } = continuingLink((await client.get('/step-up', HTML)).text, 'google')
      return { client, mark, email }
    }
    const [one, other] = [await marked(), await marked()]
    const begin = async (client: Client, mark: string) =>
      goal(await client.get(`${API}/auth/external/google/authorize?continue=step_up&mark=${mark}`, HTML))
    expect(await begin(one.client, other.mark)).toContain('reason=expired')
    expect(await begin(one.client, one.mark.slice(1))).toContain('reason=expired')
    expect(await begin(one.client, one.mark)).not.toContain('/sign-in/failed')
  })
})

describe('the word of an organization’s provider for an address', () => {
  it('verifies none beyond its domains: the account of the address stays as it is', async () => {
    const off = await startFederated({ emailVerification: 'off' })
    try {
      const slug = await foreignConnection(off)
      const victim = await off.world.person()
      atGitHub(off, victim.email)
      const thief = off.world.client()
      expect(goal(await off.signIn(thief, slug))).toMatch(/^\/sign-in\/connect\?trip=/)
      expect((await thief.get(`${API}/auth/me`)).status).toBe(401)
      const again = await off.world
        .client()
        .post(`${API}/auth/login`, { username: victim.email, password: PASSWORD })
      expect(again.status).toBe(200)
    } finally {
      await off.stop()
    }
  })

  it('is for a verified address of the organization: a user of another one is no member, and connects nothing', async () => {
    const [owner] = (await world.people(1)) as [Person]
    const id = await world.organization({ members: [[owner, 'owner']] })
    await federated.prove(id, 'stated.example')
    const { slug } = await federated.connect('discord', { organizationId: id, madeBy: owner.id })
    const discord = federated.fakes.provider('discord')
    const outsider = await world.person()
    const insider = await world.person({ email: 'insider@stated.example' })
    const boss = { ...discord.user, id: '4242', email: 'boss@stated.example' }
    const link = async ({ client }: Person) => {
      const begun = await client.post(`${API}/auth/external/${slug}/link`, {})
      const back = await federated.fakes.authorize(begun.data.authorization_url)
      return goal(await federated.answer(client, back))
    }
    for (const verified of [false, true]) {
      discord.user = { ...boss, verified }
      expect(await link(outsider)).toContain('reason=domain_refused')
      expect(await subjectsOf(outsider)).toEqual([])
    }
    // their own verified address is of the domain
    expect(await link(insider)).toBe('/account/connected?notice=connected')
    await federated.signIn(world.client(), slug)
    const members = await owner.client.get(`${API}/organizations/${id}/members`)
    expect(members.data.map((one: { role: string }) => one.role).sort()).toEqual(['member', 'owner'])
  })

  it('is not put to a stranger, whom another site leads to connect it, also after they have signed in', async () => {
    const slug = await foreignConnection(federated)
    const victim = await world.person()
    atGitHub(federated, 'attacker@elsewhere.example')
    const begun = await victim.client.get(
      `${API}/auth/external/${slug}/authorize?flow=link&return_to=/account`,
      CROSS_SITE,
    )
    const back = await federated.fakes.authorize(goal(begun) ?? '')
    expect(goal(await federated.answer(victim.client, back))).toMatch(
      /^\/sign-in\/failed\?.*reason=domain_refused.*flow=link/,
    )
    // a sign-in that asks which account it is
    const question = goal(await federated.signIn(victim.client, slug)) ?? ''
    const confirm = `/account/connected/confirm?${question.split('?')[1]}`
    expect(goal(await victim.client.get(confirm, HTML))).toContain('reason=domain_refused')
    const sent = await victim.client.post(
      '/account/connected/confirm',
      {
        trip: question.split('=')[1] ?? '',
        csrf_token: victim.client.csrfToken ?? '',
      },
      { form: true, ...HTML },
    )
    expect(sent.status).toBe(409)
    expect(await subjectsOf(victim)).toEqual([])
  })
})

describe('the provider that an organization requires', () => {
  /** A member who has a password, of an organization that requires its connection. */
  async function requiring({ isOwn }: { isOwn: boolean }) {
    const [owner] = (await world.people(1)) as [Person]
    const domain = `required${++count}.example`
    const address = { email: `member@${isOwn ? '' : 'elsewhere.'}${domain}` }
    const [member] = (await world.people([address])) as [Person]
    const id = await world.organization({
      members: [
        [owner, 'owner'],
        [member, 'member'],
      ],
    })
    await federated.prove(id, domain)
    const { slug } = await federated.connect('github', { organizationId: id, madeBy: owner.id })
    const policy = { sign_in: 'sso_required' }
    expect((await owner.client.patch(`${API}/organizations/${id}/security-policy`, policy)).status).toBe(200)
    atGitHub(federated, member.email)
    const { data } = await member.client.post(`${API}/auth/step-up`, { organization_id: id })
    const begun = await member.client.post(`${API}/auth/external/${slug}/continue`, { attempt: data.attempt })
    const back = await federated.fakes.authorize(begun.data.authorization_url)
    return { id, member, answered: goal(await federated.answer(member.client, back)) }
  }

  it('is connected the first time that it continues, for an address of its domains', async () => {
    const { id, member, answered } = await requiring({ isOwn: true })
    expect(answered).not.toContain('reason=')
    expect(await subjectsOf(member)).toHaveLength(1)
    expect((await member.client.get(`${API}/organizations/${id}/members`)).status).toBe(200)
  })

  it('is not connected for another address, although it says that it is verified', async () => {
    const { id, member, answered } = await requiring({ isOwn: false })
    expect(answered).toContain('reason=not_connected')
    expect(await subjectsOf(member)).toEqual([])
    expect((await member.client.get(`${API}/organizations/${id}/members`)).code).toBe('STEP_UP_REQUIRED')
  })
})
