/** What the connection of an organization cannot do to accounts that it is no authority for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { newId } from '../../../base/ids.ts'
import { findConnection } from '../../../core/connections/index.ts'
import { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'
import { resolveIdentity } from './identities.ts'

const API = '/api/v1'

let federated: Federated
let world: World
let n = 0
beforeAll(async () => {
  federated = await startFederated({
    returnOrigins: ['https://shop.example'],
    corsOrigins: ['https://app.example'],
  })
  world = federated.world
})
afterAll(() => federated?.stop())

/** An organization whose provider answers by itself, and an account of another address that is connected with it. */
async function connected() {
  const [owner, ada] = (await world.people(2)) as [Person, Person]
  const members: [Person, 'owner' | 'guest'][] = [
    [owner, 'owner'],
    [ada, 'guest'],
  ]
  const organization = await world.organization({ name: 'Contracting', members })
  const { id, slug } = await federated.connect('okta', {
    organizationId: organization,
    name: 'Contracting SSO',
  })
  const okta = federated.fakes.provider('okta')
  okta.user = {
    ...okta.user,
    sub: `contractor-${++n}`,
    email: 'contractor@other.example',
    email_verified: false,
  }
  const begun = await ada.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(ada.client, await federated.fakes.authorize(begun.data.authorization_url))
  return { owner, ada, organization, id, slug }
}

const guess = async (client: Client, email: string) =>
  (await client.post(`${API}/auth/login`, { username: email, password: `wrong ${++n}` })).code

describe('a sign-in by a provider that is no authority for the account', () => {
  it('does not end a lock-out: guesses stay counted', async () => {
    const { ada, slug } = await connected()
    const codes: (string | null | undefined)[] = []
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 2; i++) codes.push(await guess(world.client(), ada.email))
      expect(goal(await federated.signIn(world.client(), slug))).toBe('/account')
    }
    expect(codes.slice(0, 4)).toEqual(Array(4).fill('AUTHENTICATION_FAILED'))
    expect(codes[5]).toBe('ACCOUNT_LOCKED')
  })

  it('makes no browser familiar, whose failures would be counted apart', async () => {
    const { ada, slug } = await connected()
    const codes: (string | null | undefined)[] = []
    for (let round = 0; round < 3; round++) {
      const client = world.client()
      await federated.signIn(client, slug)
      await federated.me(client)
      for (let i = 0; i < 2; i++) codes.push(await guess(client, ada.email))
      const { data } = await client.post(`${API}/auth/token`, {})
      const bearer = new Client(client.url, { headers: { authorization: `Bearer ${data.access_token}` } })
      codes.push(await guess(bearer, ada.email))
    }
    expect(codes.at(-1)).toBe('ACCOUNT_LOCKED')
  })

  it('is no new device the second time, and the browser is familiar once the account’s own proof was given there', async () => {
    const { ada, slug } = await connected()
    const client = world.client()
    await federated.signIn(client, slug)
    await federated.signIn(client, slug)
    await federated.me(client)
    await client.signIn(ada.email, PASSWORD)
    await world.app.settle()
    const notices = (await world.mailbox.emailsTo(ada.email)).filter(({ subject }) =>
      /^New sign-in/.test(subject),
    )
    expect(notices).toHaveLength(1)
    await client.post('/sign-out', {}, { form: true })
    // a lock-out by strangers does not reach it
    for (let i = 0; i < 6; i++) await guess(world.client(), ada.email)
    expect(await guess(world.client(), ada.email)).toBe('ACCOUNT_LOCKED')
    expect(await guess(client, ada.email)).toBe('AUTHENTICATION_FAILED')
  })
})

/** How another site opens an address. */
const BY_OTHER = {
  headers: { ...HTML.headers, 'sec-fetch-site': 'cross-site', referer: 'https://other.example/page' },
}

/** The provider of an organization signs a browser in, begun as `how` says. @returns where the browser is then */
async function signedInBy(client: Client, slug: string, how: object = HTML, query = ''): Promise<string> {
  const begun = await client.get(`${API}/auth/external/${slug}/authorize${query}`, how)
  const reply = await federated.answer(client, await federated.fakes.authorize(goal(begun) ?? ''))
  return goal(reply) ?? ''
}

describe('a sign-in by the provider of an organization, which answers by itself', () => {
  it('does not replace the session of another user before they have confirmed it', async () => {
    const { ada, slug } = await connected()
    const victim = await world.person()
    const page = await signedInBy(victim.client, slug, BY_OTHER)
    expect(page).toMatch(/^\/sign-in\/confirm\?trip=rtp_/)
    const { text } = await victim.client.get(page, HTML)
    for (const one of [ada.email, victim.email, 'Contracting SSO', 'Contracting']) expect(text).toContain(one)
    expect(text).toContain(`Stay signed in as ${victim.email}`)
    expect((await federated.me(victim.client)).id).toBe(victim.id)
    // neither does a form of another site
    const trip = page.split('=')[1] ?? ''
    expect((await victim.client.post('/sign-in/confirm', { trip }, { form: true, ...BY_OTHER })).status).toBe(
      403,
    )
    expect((await federated.me(victim.client)).id).toBe(victim.id)
    expect(goal(await federated.submit(victim.client, page))).toBe('/account')
    expect((await federated.me(victim.client)).id).toBe(ada.id)
  })

  it('is confirmed also where this server began it, in whichever way it leads to another account', async () => {
    const { slug, organization } = await connected()
    const victim = await world.person()
    expect(await signedInBy(victim.client, slug)).toMatch(/^\/sign-in\/confirm/)
    // a first sign-in makes an account only then
    const domain = `made${++n}.example`
    await federated.prove(organization, domain)
    const okta = federated.fakes.provider('okta')
    okta.user = { ...okta.user, sub: `new-${n}`, email: `new@${domain}`, email_verified: true }
    const page = await signedInBy(victim.client, slug)
    expect(page).toMatch(/^\/sign-in\/confirm/)
    expect((await victim.client.get(page, HTML)).text).toContain(`Sign in as new@${domain}?`)
    const made = () =>
      world.db.hot.selectFrom('emails').select('id').where('address', '=', `new@${domain}`).execute()
    expect(await made()).toEqual([])
    const answers = await Promise.all(Array.from({ length: 20 }, () => federated.submit(victim.client, page)))
    expect(answers.filter((one) => one.status >= 500)).toEqual([])
    expect(await made()).toHaveLength(1)
    expect((await federated.me(victim.client)).email).toBe(`new@${domain}`)
  })

  it('in a browser without a session is confirmed where another site began it, unless the user has signed in there', async () => {
    const { ada, slug } = await connected()
    const client = world.client()
    const page = await signedInBy(client, slug, BY_OTHER, '?return_to=/account/sessions')
    const { text } = await client.get(page, HTML)
    expect(text).toContain('A link on another website has started this sign-in.')
    expect(text).toContain('Do not sign in')
    expect((await client.get(`${API}/auth/me`)).status).toBe(401)
    expect(goal(await federated.submit(client, page))).toBe('/account/sessions')
    await federated.me(client)
    await client.post(`${API}/auth/logout`)
    client.csrfToken = null
    expect(await signedInBy(client, slug, BY_OTHER)).toBe('/account')
    expect((await federated.me(client)).id).toBe(ada.id)
    // used once
    expect((await client.get(page, HTML)).status).toBe(404)
  })

  it.each([
    ['this server', { 'sec-fetch-site': 'same-origin' }],
    ['an address that is typed', { 'sec-fetch-site': 'none' }],
    ['a browser that says nothing', {}],
    ['a registered origin', { 'sec-fetch-site': 'cross-site', referer: 'https://shop.example/' }],
    ['a registered subdomain', { 'sec-fetch-site': 'same-site', referer: 'https://shop.example/cart' }],
    ['a script of an allowed origin', { 'sec-fetch-site': 'cross-site', origin: 'https://app.example' }],
  ])('begun by %s needs no confirmation in an empty browser', async (_, headers) => {
    const { slug } = await connected()
    expect(await signedInBy(world.client(), slug, { headers: { ...HTML.headers, ...headers } })).toBe(
      '/account',
    )
  })

  it.each([
    ['an unknown sender', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling of the domain', { 'sec-fetch-site': 'same-site', referer: 'https://sibling.example.com/' }],
    ['an old browser', { referer: 'https://other.example/' }],
    ['an opaque origin', { origin: 'null' }],
  ])('begun by %s needs one', async (_, headers) => {
    const { slug } = await connected()
    const at = await signedInBy(world.client(), slug, { headers: { ...HTML.headers, ...headers } })
    expect(at).toMatch(/^\/sign-in\/confirm/)
  })

  it('of the user who is signed in needs none, nor does a connection of the server', async () => {
    const { ada, slug } = await connected()
    expect(await signedInBy(ada.client, slug, BY_OTHER)).toBe('/account')
    await federated.connect('google')
    federated.atGoogle()
    expect(await signedInBy(world.client(), 'google', BY_OTHER)).toBe('/account')
  })

  it('is decided about as a sign-in alone: the question connects nothing', async () => {
    const { slug } = await connected()
    const victim = await world.person()
    const trip = (await signedInBy(victim.client, slug)).split('=')[1] ?? ''
    for (const path of ['/sign-in/connect', '/account/connected/confirm']) {
      const body = { trip, email: 'any@example.com', csrf_token: victim.client.csrfToken ?? '' }
      expect((await victim.client.post(path, body, { form: true, ...HTML })).status).toBe(404)
    }
    expect((await victim.client.get(`/sign-in/connect?trip=${trip}`, HTML)).status).toBe(404)
    expect(await federated.identitiesOf(victim.id)).toEqual([])
  })
})

describe('a connection that is not offered any more', () => {
  it('of a deleted organization signs in no user, and is in no list', async () => {
    const { owner, ada, slug, organization } = await connected()
    expect((await owner.client.delete(`${API}/organizations/${organization}`)).status).toBe(200)
    const client = world.client()
    const begun = await client.get(`${API}/auth/external/${slug}/authorize`, HTML)
    expect(goal(begun)).toMatch(/reason=not_offered/)
    const listed = await client.get(`${API}/auth/external/providers?organization=${organization}`)
    expect(listed.data).toEqual([])
    const { data: step } = await ada.client.post(`${API}/auth/step-up`, {})
    expect(step.methods).not.toContain('federation')
  })

  it.each(['disabled', 'deleted', 'of an organization that is deleted'])(
    '%s after the browser was sent to the provider, or while the page waits',
    async (what) => {
      const { owner, organization, id, slug } = await connected()
      const path = `${API}/organizations/${organization}/connections/${id}`
      const [early, late] = [world.client(), world.client()]
      const asked = await federated.begin(early, slug)
      const page = await signedInBy(late, slug, BY_OTHER)
      if (what === 'disabled') await owner.client.patch(path, { status: 'disabled' })
      else if (what === 'deleted') await owner.client.delete(path)
      else await owner.client.delete(`${API}/organizations/${organization}`)
      expect(goal(await federated.answer(early, asked))).toMatch(/reason=not_offered/)
      expect((await late.get(page, HTML)).status).toBe(404)
      for (const client of [early, late]) expect((await client.get(`${API}/auth/me`)).status).toBe(401)
    },
  )

  it.each(['disabled', 'deleted'])('%s while the provider answers signs in to no account', async (what) => {
    const { owner, ada, organization, id } = await connected()
    // as it was read when the answer came
    const connection = await findConnection(world.db.hot, id)
    const [linked] = await federated.identitiesOf(ada.id)
    if (!connection || !linked) throw new Error('it is not connected')
    const path = `${API}/organizations/${organization}/connections/${id}`
    if (what === 'disabled') await owner.client.patch(path, { status: 'disabled' })
    else await owner.client.delete(path)
    const call = systemCall(world.clock.now())
    const after = { returnTo: null, remember: false, isMeant: false }
    const trip = {
      id: newId('rtp'),
      connectionId: id,
      flow: 'login' as const,
      after,
      userId: null,
      sessionId: null,
      createdAt: call.now,
      expiresAt: call.now,
    }
    const identity = {
      issuer: linked.issuer,
      subject: linked.subject,
      email: null,
      emailVerified: false,
      username: null,
      fullName: null,
      picture: null,
      locale: null,
      groups: [],
      amr: [],
      acr: null,
      authenticatedAt: null,
      claims: {},
    }
    const none = () => Promise.reject(new Error('no account is made'))
    const asserted = { connection, trip, identity, isOwnDomain: false }
    const resolved = resolveIdentity(world.app.tools, { register: none, proveMailbox: none }, call, asserted)
    await expect(resolved).rejects.toMatchObject({ fault: 'not_offered' })
  })

  it('is not named on the page about a failure, which says nothing of drafts', async () => {
    const { id } = await connected()
    const named = async () =>
      (await world.client().get(`/sign-in/failed?provider=${id}&reason=denied`, HTML)).text
    expect(await named()).toContain('Contracting SSO')
    for (const status of ['draft', 'disabled'] as const) {
      await world.db.tx('system', (tx) =>
        tx.updateTable('connections').set({ status }).where('id', '=', id).execute(),
      )
      expect(await named()).not.toContain('Contracting SSO')
    }
  })
})
