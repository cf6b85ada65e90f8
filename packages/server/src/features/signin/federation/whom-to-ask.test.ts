/** Whom a person asks whom the provider of an organization cannot sign in, and how an administrator finds the sign-in. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

let federated: Federated
let world: World
let owner: Person
let company: { id: string; slug: string }
let path: string
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  owner = await world.person()
  const organizationId = await world.organization({ name: 'Engines & Co', members: [[owner, 'owner']] })
  await federated.prove(organizationId, 'engines.example', owner.id)
  company = await federated.connect('google', { organizationId, madeBy: owner.id, name: 'Engine SSO' })
  path = `/api/v1/organizations/${organizationId}/connections/${company.id}`
  await federated.connect('discord', { name: 'Discord' })
})
afterAll(() => federated?.stop())

const GERMAN = { headers: { ...HTML.headers, 'accept-language': 'de' } }
const ADMINISTRATORS = 'Ask the administrators of Engines &amp; Co'
const referenceIn = (at: string) => new URLSearchParams(at.split('?')[1]).get('reference') ?? ''

describe('the page about a sign-in that failed', () => {
  it.each([
    ['an answer that is not accepted', { claims: { aud: 'another' } }, 'wrong_audience', `${ADMINISTRATORS}, and tell them`],
    ['a client that the provider refuses', { denies: 'unauthorized_client' }, null, ADMINISTRATORS],
    ['a refusal of the provider', { denies: 'access_denied' }, 'denied', 'If this happens again, ask the administrators of Engines &amp; Co'],
    ['a provider that is down', { token: 'down' }, 'unreachable', 'If this happens again, ask the administrators of Engines &amp; Co'],
  ] as const)('of an organization names its administrators: %s', async (_, script, fault, text) => {
    federated.atGoogle({ hd: 'engines.example', email: 'x@engines.example' })
    federated.fakes.provider('google').script = script as object
    const client = world.client()
    const at = goal(await federated.signIn(client, company.slug)) ?? ''
    federated.fakes.provider('google').script = {}
    expect(at).toMatch(/^\/sign-in\/failed/)
    const page = await client.get(at, HTML)
    // the address of no administrator
    expect(page.text).not.toContain(owner.email)
    expect(page.text).toContain(`Reference: ${referenceIn(at)}`)
    const [event] = (await owner.client.get(`${path}/events`)).data
    expect(event).toMatchObject({ outcome: 'failed', request_id: referenceIn(at), ...(fault && { fault }) })
    if (!/denied|unreachable/.test(String(fault))) expect(page.text).not.toContain('people who run this service')
    expect(page.text).toContain(text)
    expect((await client.get(at, GERMAN)).text).toContain('Administration von Engines &amp; Co')
  }) // biome-ignore format: a table

  it('of the server names the people who run it', async () => {
    federated.fakes.provider('discord').script = { token: 'html' }
    const client = world.client()
    const at = goal(await federated.signIn(client, 'discord')) ?? ''
    federated.fakes.provider('discord').script = {}
    const { text } = await client.get(at, HTML)
    expect(text).toContain('Tell the people who run this service')
    expect(text).not.toContain('administrators of')
  })

  it('is without whom to ask where the person can begin again', async () => {
    const client = world.client()
    const at = `/sign-in/failed?provider=${company.slug}&reason=expired&reference=req_12345678`
    expect((await client.get(at, HTML)).text).not.toContain('administrators of')
    // a connection that is not active names no organization
    const draft = await federated.connect('google', { slug: 'not-active', status: 'draft' })
    const other = `/sign-in/failed?provider=${draft.slug}&reason=bad_settings&reference=req_12345678`
    expect((await client.get(other, HTML)).text).toContain('Tell the people who run this service')
  })

  it('says who invites a user of another domain', async () => {
    const outsider = await world.person()
    federated.atGoogle({ hd: 'engines.example', email: 'y@engines.example' })
    const begun = await outsider.client.post(`/api/v1/auth/external/${company.slug}/link`, {})
    const back = await federated.fakes.authorize(begun.data.authorization_url)
    const at = goal(await federated.answer(outsider.client, back)) ?? ''
    expect(at).toContain('reason=domain_refused')
    expect((await outsider.client.get(at, HTML)).text).toContain(`${ADMINISTRATORS} to invite you first`)
  })
})

describe('the page of a first sign-in', () => {
  it('says whom to ask to a person whose address is outside of the domains', async () => {
    federated.atGoogle({ email: 'z@elsewhere.example', hd: 'elsewhere.example' })
    const client = world.client()
    const question = goal(await federated.signIn(client, company.slug)) ?? ''
    const { text } = await client.get(question, HTML)
    expect(text).toContain('z@elsewhere.example is not of a domain of Engines &amp; Co')
    expect(text).toContain('If you have none, ask the administrators of Engines &amp; Co to invite you')
    expect(text).not.toContain(owner.email)
    const german = (await client.get(question, GERMAN)).text
    expect(german).toContain('bitten Sie die Administration von Engines &amp; Co um eine Einladung')
  })

  it('says it beside an address that is entered, too', async () => {
    federated.atGoogle({ email: 'w@engines.example', email_verified: false })
    const client = world.client()
    const question = goal(await federated.signIn(client, company.slug)) ?? ''
    const { text } = await client.get(question, HTML)
    expect(text).toContain('An address of Engines &amp; Co. If you have none, ask its administrators')
    const refused = await federated.submit(client, question, { email: 'w@elsewhere.example' })
    expect([refused.status, refused.text.includes('or ask its administrators to invite you')]).toEqual([
      400,
      true,
    ])
    const fields = { trip: question.split('trip=')[1] ?? '', email: 'w@elsewhere.example', csrf_token: '' }
    fields.csrf_token = (await client.get('/csrf')).data.csrf_token
    const german = await client.post('/sign-in/connect', fields, { form: true, ...GERMAN })
    expect(german.text).toContain('Diese Adresse gehört zu keiner Domain der Organisation.')
  })

  it('says it where the connection makes no accounts', async () => {
    const organizationId = await world.organization({ name: 'Closed', members: [[owner, 'owner']] })
    await federated.prove(organizationId, 'closed.example', owner.id)
    const settings = { registers: false }
    const { slug } = await federated.connect('google', { organizationId, madeBy: owner.id, settings })
    federated.atGoogle({ email: 'v@closed.example', hd: 'closed.example' })
    const client = world.client()
    const question = goal(await federated.signIn(client, slug)) ?? ''
    expect((await client.get(question, HTML)).text).toContain(
      'ask the administrators of Closed to invite you',
    )
  })
})
