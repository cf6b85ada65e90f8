/** The answer of the provider to a logout request of ours: whether its session has ended is known only from a right one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { goal, HTML } from '../../../testing/federation.ts'
import { base64, IDP, type SamlPeer, samlPeer } from '../../../testing/saml-connection.ts'
import {
  logoutRequestXml,
  logoutResponseXml,
  providerKey,
  type ResponseOptions,
  redirectQuery,
  signElement,
} from '../../../testing/saml-provider.ts'
import {
  answerSaml,
  idOf,
  inflated,
  type ReceivedRequest,
  signInBySaml,
} from '../../../testing/saml-sign-in.ts'
import { formIn } from '../../../testing/step-up.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
let peer: SamlPeer
let neighbour: SamlPeer
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  const saml = { slo_url: 'https://idp.example/slo' }
  const settings = { trusts_email: true }
  peer = await samlPeer(world, { saml, settings })
  neighbour = await samlPeer(world, { saml, settings })
})
afterAll(() => world?.stop())

const UNCONFIRMED = 'Analytical Engines has not confirmed that your session there has ended.'
const path = ({ connection }: SamlPeer) => `/saml/${connection.slug}/logout`
const isSignedIn = async (client: Client) => (await client.get('/api/v1/auth/me')).status === 200
const signedOutPage = async (client: Client) => (await client.get('/sign-out', HTML)).text

let people = 0
async function signedIn(by = peer): Promise<Client> {
  const client = world.client()
  const nameId = `person-${++people}`
  const attributes = { mail: `${nameId}@example.com` }
  expect(await signInBySaml(world, client, by, { nameId, attributes })).toBe('/account')
  return client
}

const requestOn = (page: string): ReceivedRequest => {
  const value = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(page)?.[1] ?? ''
  return { requestId: idOf(inflated(value('SAMLRequest'))), relayState: value('RelayState') }
}

/** Signs out on the page. @returns what the provider receives */
async function signOut(client: Client, returnTo?: string): Promise<ReceivedRequest> {
  const form = formIn((await client.get('/sign-out', HTML)).text)
  const fields = { ...form.fields, ...(returnTo && { return_to: returnTo }) }
  const page = await client.post('/sign-out', fields, { form: true, ...HTML })
  expect(page.text).toContain('You are signed out here.')
  expect(await isSignedIn(client)).toBe(false)
  return requestOn(page.text)
}

const responseTo = ({ requestId }: ReceivedRequest, others: Partial<ResponseOptions> = {}) =>
  logoutResponseXml({
    issuer: IDP,
    destination: `${world.config.publicUrl}${path(peer)}`,
    inResponseTo: requestId,
    now: world.clock.now(),
    ...others,
  })

const byRedirect = async (client: Client, query: string, at = peer) =>
  goal(await client.get(`${path(at)}?${query}`, HTML))
const signedQuery = (request: ReceivedRequest, others: Partial<ResponseOptions> = {}, key = peer.key) =>
  redirectQuery(responseTo(request, others).xml, {
    key,
    as: 'SAMLResponse',
    relayState: request.relayState,
  })
const byPost = (client: Client, xml: string, RelayState: string, at = peer) =>
  answerSaml(world, client, path(at), { SAMLResponse: base64(xml), RelayState })
const signedXml = (request: ReceivedRequest, others: Partial<ResponseOptions> = {}, key = peer.key) => {
  const { xml, id } = responseTo(request, others)
  return signElement(xml, id, { key })
}

/** After an event: a connection keeps its last 50, which are of sign-ins too. */
const eventsAfter = (id = '') =>
  world.db.hot
    .selectFrom('connection_events')
    .select(['id', 'fault'])
    .where('connection_id', '=', peer.connection.id)
    .where('flow', '=', 'logout')
    .where('id', '>', id)
    .orderBy('id')
    .execute()
const faults = async (after?: string) => (await eventsAfter(after)).map(({ fault }) => fault)

describe('a right answer', () => {
  it('by redirect and by POST confirms it, and leads on to where the user was going', async () => {
    const client = await signedIn()
    const request = await signOut(client, '/forgot-password')
    expect(await signedOutPage(client)).toContain(UNCONFIRMED)
    expect(await byRedirect(client, signedQuery(request))).toBe('/forgot-password')
    expect(await signedOutPage(client)).not.toContain(UNCONFIRMED)
    const other = await signedIn()
    const second = await signOut(other)
    expect(await byPost(other, signedXml(second), second.relayState)).toBe('/sign-out')
    expect(await signedOutPage(other)).not.toContain(UNCONFIRMED)
    expect(await faults()).toEqual([])
  })

  it('is accepted once, of twenty times at once', async () => {
    const client = await signedIn()
    const query = signedQuery(await signOut(client, '/forgot-password'))
    const goals = await Promise.all(Array.from({ length: 20 }, () => byRedirect(client, query)))
    expect(goals.filter((one) => one === '/forgot-password')).toHaveLength(1)
    // which one confirmed it is confirmed, although the others were refused
    expect(await signedOutPage(client)).not.toContain(UNCONFIRMED)
    expect((await faults()).at(-1)).toBe('replayed')
  })
})

describe('what confirms nothing', () => {
  const forged: Readonly<
    Record<
      string,
      [fault: string, send: (client: Client, request: ReceivedRequest) => Promise<string | null>]
    >
  > = {
    'without a signature, by redirect': [
      'wrong_signature',
      (client, request) => {
        const { xml } = responseTo(request)
        const { relayState } = request
        return byRedirect(client, redirectQuery(xml, { key: null, as: 'SAMLResponse', relayState }))
      },
    ],
    'without a signature, by POST': [
      'wrong_signature',
      (client, request) => byPost(client, responseTo(request).xml, request.relayState),
    ],
    'signed by another key, by redirect': [
      'wrong_signature',
      (client, request) => byRedirect(client, signedQuery(request, {}, providerKey(world.clock.now()))),
    ],
    'signed by another key, by POST': [
      'wrong_signature',
      (client, request) =>
        byPost(client, signedXml(request, {}, providerKey(world.clock.now())), request.relayState),
    ],
    'changed after it was signed': [
      'wrong_signature',
      (client, request) =>
        byPost(
          client,
          signedXml(request, { status: ['Responder'] }).replace('status:Responder', 'status:Success'),
          request.relayState,
        ),
    ],
    'with a RelayState that was not signed': [
      'wrong_request',
      (client, request) => {
        const query = redirectQuery(responseTo(request).xml, { key: peer.key, as: 'SAMLResponse' })
        return byRedirect(client, `${query}&%52elayState=${encodeURIComponent(request.relayState)}`)
      },
    ],
    'for another request': [
      'wrong_request',
      (client, request) => byRedirect(client, signedQuery({ ...request, requestId: '_other' })),
    ],
    'for no request': [
      'wrong_request',
      (client, request) => byRedirect(client, signedQuery(request, { inResponseTo: null })),
    ],
    'of another issuer': [
      'wrong_issuer',
      (client, request) => byRedirect(client, signedQuery(request, { issuer: 'https://evil.example' })),
    ],
    'for another destination': [
      'wrong_recipient',
      (client, request) =>
        byRedirect(client, signedQuery(request, { destination: 'https://other.example/logout' })),
    ],
    'without a destination': [
      'wrong_recipient',
      (client, request) => byRedirect(client, signedQuery(request, { destination: null })),
    ],
    'of seven minutes ago': [
      'wrong_time',
      (client, request) => byRedirect(client, signedQuery(request, { issued: -420 })),
    ],
    'that says that it failed': [
      'provider_error',
      (client, request) =>
        byRedirect(client, signedQuery(request, { status: ['Responder', 'PartialLogout'] })),
    ],
    'that is another message': [
      'bad_answer',
      (client, { relayState }) => {
        const destination = `${world.config.publicUrl}${path(peer)}`
        const now = world.clock.now()
        const { xml, id } = logoutRequestXml({ issuer: IDP, destination, now, nameId: 'x' })
        return byPost(client, signElement(xml, id, { key: peer.key }), relayState)
      },
    ],
    'with a document type': [
      'unsafe_document',
      (client, request) => byPost(client, `<!DOCTYPE x>${signedXml(request)}`, request.relayState),
    ],
    'of another connection': [
      'unknown_state',
      (client, request) =>
        byRedirect(
          client,
          signedQuery(request, { destination: `${world.config.publicUrl}${path(neighbour)}` }, neighbour.key),
          neighbour,
        ),
    ],
    'without a RelayState': [
      'unknown_state',
      (client, request) =>
        byRedirect(client, redirectQuery(responseTo(request).xml, { key: peer.key, as: 'SAMLResponse' })),
    ],
    'that is missing': ['unknown_state', (client) => byRedirect(client, '')],
  }
  for (const [name, [fault, send]] of Object.entries(forged))
    it(`an answer ${name}`, async () => {
      const client = await signedIn()
      const request = await signOut(client, '/forgot-password')
      const before = (await eventsAfter()).at(-1)?.id
      expect(await send(client, request)).toBe('/sign-out')
      const page = await signedOutPage(client)
      expect(page).toContain(UNCONFIRMED)
      expect(page).toContain('You are signed out')
      // the way on
      expect(page).toContain('href="/forgot-password"')
      expect(await isSignedIn(client)).toBe(false)
      expect(await faults(before)).toEqual(fault === 'unknown_state' ? [] : [fault])
    })

  it('the answer to the request of another browser, which it does not use up', async () => {
    const [client, stranger] = [await signedIn(), await signedIn()]
    const request = await signOut(client)
    await signOut(stranger)
    expect(await byRedirect(stranger, signedQuery(request))).toBe('/sign-out')
    expect(await signedOutPage(stranger)).toContain(UNCONFIRMED)
    expect((await faults()).at(-1)).toBe('other_browser')
    expect(await byRedirect(client, signedQuery(request))).toBe('/sign-out')
    expect(await signedOutPage(client)).not.toContain(UNCONFIRMED)
  })

  it('a wrong answer uses the request up, and a right one comes too late', async () => {
    const client = await signedIn()
    const request = await signOut(client)
    await byRedirect(client, signedQuery(request, { status: ['Requester'] }))
    await byRedirect(client, signedQuery(request))
    expect((await faults()).slice(-2)).toEqual(['provider_error', 'replayed'])
    expect(await signedOutPage(client)).toContain(UNCONFIRMED)
  })

  it('an answer after 15 minutes; the page then says nothing of it', async () => {
    const client = await signedIn()
    const request = await signOut(client)
    await world.clock.advance('16 minutes')
    await byRedirect(client, signedQuery(request))
    expect((await faults()).at(-1)).toBe('expired')
    expect(await signedOutPage(client)).not.toContain(UNCONFIRMED)
  })

  it('the state of a sign-out is none of a sign-in, and the other way round', async () => {
    const client = await signedIn()
    const { requestId, relayState } = await signOut(client)
    const SAMLResponse = peer.signed({
      inResponseTo: requestId,
      nameId: 'eve',
      attributes: { mail: 'e@x.example' },
    })
    const acs = `/saml/${peer.connection.slug}/acs`
    expect(await answerSaml(world, client, acs, { SAMLResponse, RelayState: relayState })).toContain(
      '/sign-in/failed',
    )
    expect(await isSignedIn(client)).toBe(false)
    expect((await client.get(`/sign-in/provider?trip=${relayState.split('.')[0]}`, HTML)).status).toBe(404)
    const begun = await client.get(`/saml/${peer.connection.slug}/login`, HTML)
    const authorize = await client.get(goal(begun) ?? '', HTML)
    const parameters = new URL(goal(authorize) ?? '').searchParams
    const signIn = {
      requestId: idOf(inflated(parameters.get('SAMLRequest') ?? '')),
      relayState: parameters.get('RelayState') ?? '',
    }
    await byRedirect(client, signedQuery(signIn))
    expect(goal(await client.get(`/sign-out/provider?trip=${signIn.relayState}`, HTML))).toBe('/sign-out')
  })
})

describe('an app that signs its user out', () => {
  /** The address that a browser is sent to. */
  async function urlOf(client: Client, body: object = {}, headers: Record<string, string> = {}) {
    client.csrfToken ??= (await client.get('/csrf')).data.csrf_token
    const reply = await client.post('/api/v1/auth/logout', body, { headers })
    expect([reply.status, await isSignedIn(client)]).toEqual([200, false])
    return reply.data?.provider_logout_url ?? (reply.data as null)
  }
  const bearerOf = (session: Client) => ({
    authorization: `Bearer ${session.cookies.get('lk_session')}`,
  })
  const local = (url: string) => url.replace(world.config.publicUrl, '')

  it('gets an address that ends the session at the provider, in the browser of the session', async () => {
    const client = await signedIn()
    const url = await urlOf(client, { return_to: '/forgot-password' })
    expect(url).toMatch(new RegExp(`^${world.config.publicUrl}/sign-out/provider\\?trip=rtp_`))
    expect(goal(await world.client().get(local(url), HTML))).toBe('/sign-out')
    const page = await client.get(local(url), HTML)
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' https://idp.example;")
    const request = requestOn(page.text)
    expect(await byRedirect(client, signedQuery(request))).toBe('/forgot-password')
    // it is answered
    expect(goal(await client.get(local(url), HTML))).toBe('/sign-out')
  })

  it('by the token of the session: of the first browser that comes with the address', async () => {
    const session = await signedIn()
    const url = await urlOf(world.client(), { return_to: 'https://evil.example/' }, bearerOf(session))
    const [browser, stranger] = [world.client(), world.client()]
    const request = requestOn((await browser.get(local(url), HTML)).text)
    // again, as after a reload
    expect(requestOn((await browser.get(local(url), HTML)).text)).toEqual(request)
    expect(goal(await stranger.get(local(url), HTML))).toBe('/sign-out')
    expect(await signedOutPage(browser)).toContain(UNCONFIRMED)
    expect(await byRedirect(stranger, signedQuery(request))).toBe('/sign-out')
    expect(await byRedirect(browser, signedQuery(request))).toBe('/sign-out')
    expect(await signedOutPage(browser)).not.toContain(UNCONFIRMED)
    expect(await isSignedIn(session)).toBe(false)
  })

  it('gets one for the POST binding too, and none without SAML or single logout', async () => {
    const post = await samlPeer(world, {
      saml: { slo_url: 'https://idp.example/post', slo_binding: 'post' },
      settings: { trusts_email: true },
    })
    const client = await signedIn(post)
    const page = await client.get(local(await urlOf(client)), HTML)
    expect(page.text).toContain('<form method="post" action="https://idp.example/post"')
    const none = await samlPeer(world, { settings: { trusts_email: true } })
    expect(await urlOf(await signedIn(none))).toBeNull()
    const [person] = await world.people(1)
    if (!person) throw new Error('no user')
    expect(await urlOf(person.client)).toBeNull()
  })

  it('by several browsers at once: one has it', async () => {
    const session = await signedIn()
    const url = await urlOf(world.client(), {}, bearerOf(session))
    const pages = await Promise.all(
      Array.from({ length: 10 }, async () => (await world.client().get(local(url), HTML)).status),
    )
    expect(pages.filter((status) => status === 200)).toHaveLength(1)
  })

  it('an address that is none leads to the page of who is signed out', async () => {
    for (const trip of ['', 'x', `rtp_x.${'a'.repeat(43)}`])
      expect(goal(await world.client().get(`/sign-out/provider?trip=${trip}`, HTML))).toBe('/sign-out')
  })
})
