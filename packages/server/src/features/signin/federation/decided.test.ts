/** What the diagnostics of a connection say of sign-ins that their users decide about, and of what has become of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

let count = 0
/** An organization with a proven domain, whose provider states an address of it. */
async function company() {
  const [owner] = (await world.people(1)) as [Person]
  const organization = await world.organization({ name: 'Engines', members: [[owner, 'owner']] })
  const domain = `decided${++count}.example`
  await federated.prove(organization, domain, owner.id)
  const connection = await federated.connect('google', { organizationId: organization, madeBy: owner.id })
  const states = (local: string, at = domain) =>
    federated.atGoogle({ sub: `decided-${++count}`, email: `${local}@${at}`, hd: at })
  const path = `/api/v1/organizations/${organization}/connections/${connection.id}`
  const events = async (): Promise<Record<string, unknown>[]> =>
    (await owner.client.get(`${path}/events`)).data
  /** The oldest first: outcome, question or fault, and the user. */
  const story = async () =>
    (await events())
      .reverse()
      .map(({ outcome, question, fault, user_id }) => [outcome, question ?? fault, user_id])
  return { owner, organization, domain, ...connection, states, path, events, story }
}

const tripOf = (question: string) => question.split('trip=')[1] ?? ''
const confirmOf = (question: string) => `/account/connected/confirm?trip=${tripOf(question)}`

/** Sends the form of a decision, without its page. */
async function decide(client: Client, action: string, fields: Readonly<Record<string, string>>) {
  client.csrfToken = (await client.get('/csrf')).data.csrf_token
  return await client.post(action, { csrf_token: client.csrfToken ?? '', ...fields }, { form: true, ...HTML })
}

/** The events of sign-ins in the audit log that a request has caused. */
const audited = (requestId: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['event_type', 'details'])
      .where('request_id', '=', requestId)
      .execute(),
  )

describe('a sign-in that its user decides about', () => {
  it('waits for a decision, and is then accepted where the owner of the address connects it', async () => {
    const { id, slug, domain, states, events, story, owner, organization } = await company()
    const ada = await world.person({ email: `ada@${domain}` })
    states('ada')
    const question = goal(await federated.signIn(ada.client, slug)) ?? ''
    expect(question).toContain('/sign-in/connect')
    expect(await story()).toEqual([['asked', 'owner', null]])
    const [asked] = await events()
    expect(asked).toMatchObject({ fault: null, message: expect.stringContaining('An account here has the address') })
    await federated.submit(ada.client, confirmOf(question))
    expect(await story()).toEqual([['asked', 'owner', ada.id], ['succeeded', null, ada.id]])
    const [linked] = await events()
    expect(linked).toMatchObject({ flow: 'login', request_id: expect.any(String) })
    expect(linked?.request_id).not.toBe(asked?.request_id)
    // the form is sent twice
    await decide(ada.client, '/account/connected/confirm', { trip: tripOf(question) })
    expect(await events()).toHaveLength(2)
    const page = await owner.client.get(`/account/organizations/${organization}/connections/${id}/events`, HTML)
    for (const text of ['Waits for a decision', 'An account here has the address', `Reference: ${asked?.request_id}`])
      expect(page.text).toContain(text)
    const german = { headers: { ...HTML.headers, 'accept-language': 'de' } }
    const translated = await owner.client.get(`/account/organizations/${organization}/connections/${id}/events`, german)
    for (const text of ['Entscheidung nötig', 'Ein Konto hier hat die Adresse']) expect(translated.text).toContain(text)
  })

  it('waits for a decision, and is then accepted where an account is made', async () => {
    const { slug, domain, story } = await company()
    federated.atGoogle({ sub: `decided-${++count}`, email: `new@${domain}`, email_verified: false })
    const client = world.client()
    const question = goal(await federated.signIn(client, slug)) ?? ''
    await federated.enter(client, question, `new@${domain}`)
    const [asked, made] = await story()
    expect([asked?.slice(0, 2), made?.slice(0, 2)]).toEqual([['asked', 'account'], ['succeeded', null]])
    expect(made?.[2]).toMatch(/^usr_/)
  })

  it('says why no account can be made, without the address', async () => {
    const { slug, states, events } = await company()
    states('x', 'elsewhere.example')
    await federated.signIn(world.client(), slug)
    const [asked] = await events()
    expect(asked).toMatchObject({ outcome: 'asked', question: 'account' })
    expect(asked?.detail).toMatch(/^No account is made for an address at elsewhere\.example, which is not a verified/)
  })

  it('waits until it is confirmed whom it signs in, and is then accepted', async () => {
    const { slug, domain, states, story } = await company()
    const other = await world.person()
    states('ada', domain)
    const client = world.client()
    expect(goal(await federated.signIn(client, slug))).toBe('/account')
    const { id } = await federated.me(client)
    const question = goal(await federated.signIn(other.client, slug)) ?? ''
    expect(question).toContain('/sign-in/confirm')
    await federated.submit(other.client, question)
    expect(await story()).toEqual([['succeeded', null, id], ['asked', 'sign_in', id], ['succeeded', null, id]])
  })
}) // biome-ignore format: stories on one line

describe('a decision that is refused', () => {
  it('to connect is recorded with its reason, by the page and by the form, once for a sign-in', async () => {
    const { slug, states, events, story } = await company()
    const victim = await world.person()
    states('x')
    await world.person({ email: federated.fakes.provider('google').user.email as string })
    const question = goal(await federated.signIn(victim.client, slug)) ?? ''
    const failed = goal(await victim.client.get(confirmOf(question), HTML)) ?? ''
    expect(failed).toContain('reason=domain_refused')
    expect(await story()).toEqual([['asked', 'owner', null], ['failed', 'domain_refused', victim.id]])
    const reference = new URLSearchParams(failed.split('?')[1]).get('reference') ?? ''
    const [refused] = await events()
    expect(refused).toMatchObject({ request_id: reference, message: expect.stringContaining('no member of the organization') })
    for (let n = 0; n < 3; n++)
      expect((await decide(victim.client, '/account/connected/confirm', { trip: tripOf(question) })).status).toBe(409)
    expect(await story()).toEqual([['asked', 'owner', null], ['failed', 'domain_refused', victim.id]])
    const [again] = await events()
    expect(again?.request_id).not.toBe(reference)
    // the page only reads; the form is a sign-in that failed
    expect(await audited(reference)).toEqual([])
    const failures = [{ event_type: 'auth.login.failure', details: expect.objectContaining({ reason: 'domain_refused' }) }]
    expect(await audited(String(again?.request_id))).toEqual(failures)
  })

  it('to register is recorded with the domain that was entered, and replaced by what succeeds', async () => {
    const { slug, domain, events, story } = await company()
    federated.atGoogle({ sub: `decided-${++count}`, email: `new@${domain}`, email_verified: false })
    const client = world.client()
    const question = goal(await federated.signIn(client, slug)) ?? ''
    expect((await federated.submit(client, question, { email: 'new@mistyped.example' })).status).toBe(400)
    expect((await events())[0]).toMatchObject({
      outcome: 'failed',
      fault: 'domain_refused',
      detail: expect.stringContaining('an address at mistyped.example'),
      user_id: null,
    })
    await federated.enter(client, question, `new@${domain}`)
    expect((await story()).map((one) => one.slice(0, 2))).toEqual([['asked', 'account'], ['succeeded', null]])
  })

  it('to sign in is recorded, also where the connection is disabled meanwhile', async () => {
    const { id, slug, states, events, story } = await company()
    states('ada')
    const client = world.client()
    await federated.signIn(client, slug)
    const account = await federated.me(client)
    const other = await world.person()
    const question = goal(await federated.signIn(other.client, slug)) ?? ''
    const page = await other.client.get(question, HTML)
    expect(page.status).toBe(200)
    const set = (status: 'active' | 'disabled') =>
      world.db.hot.updateTable('connections').set({ status }).where('id', '=', id).execute()
    await set('disabled')
    const failed = goal(await decide(other.client, '/sign-in/confirm', { trip: tripOf(question) })) ?? ''
    expect(failed).toContain('reason=not_offered')
    expect((await events())[0]).toMatchObject({ fault: 'not_offered', user_id: account.id })
    const reference = new URLSearchParams(failed.split('?')[1]).get('reference') ?? ''
    expect((await audited(reference)).map(({ event_type }) => event_type)).toEqual(['auth.login.failure'])
    await set('active')
    await world.db.hot.updateTable('users').set({ status: 'disabled' }).where('id', '=', account.id).execute()
    expect(goal(await decide(other.client, '/sign-in/confirm', { trip: tripOf(question) }))).toContain('user_refused')
    expect((await story()).map((one) => one.slice(0, 2))).toEqual([
      ['succeeded', null],
      ['asked', 'sign_in'],
      ['failed', 'user_refused'],
    ])
  })

  it('is no error where the connection is deleted meanwhile', async () => {
    const { slug, owner, path, states } = await company()
    states('x')
    await world.person({ email: federated.fakes.provider('google').user.email as string })
    const visitor = await world.person()
    const question = goal(await federated.signIn(visitor.client, slug)) ?? ''
    expect((await owner.client.delete(path)).status).toBe(200)
    expect((await decide(visitor.client, '/account/connected/confirm', { trip: tripOf(question) })).status).toBe(404)
  })

  it('of many at once to connect, one is accepted, and one event says so', async () => {
    const { slug, domain, states, story } = await company()
    const ada = await world.person({ email: `ada@${domain}` })
    states('ada')
    const question = goal(await federated.signIn(ada.client, slug)) ?? ''
    ada.client.csrfToken = (await ada.client.get('/csrf')).data.csrf_token
    const fields = { trip: tripOf(question), csrf_token: ada.client.csrfToken ?? '' }
    const send = () => ada.client.post('/account/connected/confirm', fields, { form: true, ...HTML })
    await Promise.all(Array.from({ length: 10 }, send))
    expect(await story()).toEqual([['asked', 'owner', ada.id], ['succeeded', null, ada.id]])
  })
}) // biome-ignore format: stories on one line
