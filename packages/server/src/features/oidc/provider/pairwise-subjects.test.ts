/** Pairwise subject identifiers (OpenID Connect Core §8.1): by what apps know a user, at every place that says it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  claimsIn,
  follow,
  type TestApp,
  testApp,
  testResource,
} from '../../../testing/apps.ts'
import type { Reply } from '../../../testing/client.ts'
import { answerDevice, beginOnDevice, DEVICE_GRANT, pollFrom } from '../../../testing/devices.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../../../testing/logout-receiver.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const ORDERS = 'https://orders.example.com'
const SUBJECT = /^[A-Za-z0-9_-]{43}$/
const SIGNED_OUT = 'https://shop.example.com/signed-out'

let world: World
let ada: Person
let bob: Person
let root: Person
let receiver: LogoutReceiver
/** Two of one sector, one of another, and one that knows the ids of users. */
let shop: TestApp
let cart: TestApp
let news: TestApp
let portal: TestApp
const redirects = new Map<string, string>()

async function appAt(
  host: string,
  settings: Record<string, unknown> = {},
  organization: string | null = null,
): Promise<TestApp> {
  const redirect = `https://${host}/callback`
  const sent = { redirect_uris: [redirect], subject_type: 'pairwise', ...settings }
  const app = await testApp(world, sent, { organization })
  redirects.set(app.id, redirect)
  return app
}
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  bob = await world.person()
  root = await world.person({ roles: ['super_admin'] })
  receiver = await startLogoutReceiver()
  await testResource(world, ORDERS)
  const logout = { post_logout_redirect_uris: [SIGNED_OUT], backchannel_logout_uri: receiver.url }
  const grants = ['authorization_code', 'refresh_token', DEVICE_GRANT, EXCHANGE]
  const scopes = ['openid', 'email', 'offline_access', 'read']
  shop = await appAt('shop.example.com', { first_party: true, scopes, grant_types: grants, ...logout })
  cart = await appAt('shop.example.com', { first_party: true })
  news = await appAt('news.example.com', { first_party: true, ...logout })
  portal = await testApp(world, {
    first_party: true,
    scopes,
    grant_types: ['authorization_code', 'refresh_token', EXCHANGE],
    served_resources: [ORDERS],
  })
})
afterAll(async () => {
  await receiver?.close()
  await world?.stop()
})

async function tokensOf(
  app: TestApp,
  who = ada,
  more: Record<string, string | null> = {},
): Promise<Record<string, string>> {
  const redirect = redirects.get(app.id)
  const by = redirect === undefined ? {} : { redirect_uri: redirect }
  return (await app.exchange(await authorizedCode(who.client, app, { ...by, ...more }), by)).body
}
const subOf = async (app: TestApp, who = ada) => claimsIn((await tokensOf(app, who)).id_token ?? '').sub
const introspected = async (by: TestApp, token = '') => (await by.post('/oidc/introspect', { token })).body
const userinfoOf = async (token = '') =>
  (await world.client().get('/oidc/userinfo', { headers: { authorization: `Bearer ${token}` } })).body

describe('the subject of a user', () => {
  it('is the same at the apps of one host, another at every other one, and says nothing', async () => {
    const [one, same, other, id] = [
      await subOf(shop),
      await subOf(cart),
      await subOf(news),
      await subOf(portal),
    ]
    expect(id).toBe(ada.id)
    expect([one, other]).toEqual([expect.stringMatching(SUBJECT), expect.stringMatching(SUBJECT)])
    expect(one).toBe(same)
    expect(one).not.toBe(other)
    expect(await subOf(shop, bob)).not.toBe(one)
  })

  it('stays the same from sign-in to sign-in, and in every token and answer', async () => {
    const sub = await subOf(shop)
    await ada.client.signIn(ada.email, PASSWORD)
    const more = { scope: 'openid email read', resource: ORDERS }
    const tokens = await tokensOf(shop, ada, more)
    const refreshed = await shop.post('/oidc/token', {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token ?? '',
    })
    for (const { id_token = '', access_token = '' } of [tokens, refreshed.body]) {
      expect([claimsIn(id_token).sub, claimsIn(access_token).sub]).toEqual([sub, sub])
      expect(await userinfoOf(access_token)).toEqual({ sub, email: ada.email, email_verified: true })
      expect(await introspected(shop, access_token)).toMatchObject({ active: true, sub })
    }
    expect(await introspected(shop, refreshed.body.refresh_token)).toMatchObject({ active: true, sub })
    expect(
      JSON.stringify([claimsIn(tokens.access_token ?? ''), claimsIn(tokens.id_token ?? '')]),
    ).not.toContain(ada.id)
  })

  it('is made once, however many sign-ins are the first', async () => {
    const apps = await Promise.all(
      Array.from({ length: 6 }, () => appAt('many.example.com', { first_party: true })),
    )
    expect(new Set(await Promise.all(apps.map((app) => subOf(app)))).size).toBe(1)
  })

  it('is known to the apps of one owner alone, also where another one names the same host', async () => {
    const [here, there] = await Promise.all(
      [1, 2].map(() => world.organization({ members: [[ada, 'owner']] })),
    )
    const apps = [
      await appAt('shop.example.com', {}, here),
      await appAt('shop.example.com', {}, here),
      await appAt('shop.example.com', {}, there),
    ]
    const [one, same, other] = [
      await subOf(apps[0] as TestApp),
      await subOf(apps[1] as TestApp),
      await subOf(apps[2] as TestApp),
    ]
    expect(one).toBe(same)
    expect(new Set([one, other, await subOf(shop), ada.id]).size).toBe(4)
  })

  it('is that of a user who allows a device something', async () => {
    const begun = await beginOnDevice(shop, { scope: 'openid' })
    await answerDevice(ada.client, begun.user_code)
    const { body } = await pollFrom(shop, begun.device_code)
    expect(claimsIn(body.id_token).sub).toBe(await subOf(shop))
  })

  it('goes with its user', async () => {
    const eve = await world.person()
    await subOf(shop, eve)
    const rows = () =>
      world.db.tx('system', (tx) =>
        tx.selectFrom('pairwise_subjects').select('sector').where('user_id', '=', eve.id).execute(),
      )
    expect(await rows()).toEqual([{ sector: 'server/shop.example.com' }])
    await root.client.delete(`/api/v1/users/${eve.id}`)
    expect(await rows()).toEqual([])
  })
})

it('apps of different hosts get different texts for a session, and access tokens name none', async () => {
  const [here, there, usual] = [await tokensOf(shop), await tokensOf(news), await tokensOf(portal)]
  const sids = [here, there, usual].map(({ id_token = '' }) => claimsIn(id_token).sid)
  expect(new Set(sids).size).toBe(3)
  expect([here, there].map(({ access_token = '' }) => claimsIn(access_token).sid)).toEqual([
    undefined,
    undefined,
  ])
  expect(sids[2]).toBe(claimsIn(usual.access_token ?? '').sid)
})

describe('an API', () => {
  it('learns of a user what its app does by its own tokens', async () => {
    const more = { scope: 'openid read', resource: ORDERS }
    const [ofShop, ofPortal] = [await tokensOf(shop, ada, more), await tokensOf(portal, ada, more)]
    const [seen, other] = [
      await introspected(portal, ofShop.access_token),
      await introspected(shop, ofPortal.access_token),
    ]
    expect(seen).toMatchObject({ active: true, sub: ada.id, client_id: shop.id })
    expect(other).toMatchObject({ active: true, sub: await subOf(shop), client_id: portal.id })
    expect([seen.sid, other.sid]).toEqual([undefined, undefined])
    expect(await introspected(portal, ofPortal.access_token)).toMatchObject({
      sub: ada.id,
      sid: expect.any(String),
    })
  })

  it('that exchanges a token gets one with that subject', async () => {
    const { access_token: subject = '' } = await tokensOf(shop, ada, { scope: 'read', resource: ORDERS })
    const exchanged = async (by: TestApp) => {
      const form = { subject_token: subject, subject_token_type: ACCESS_TOKEN, resource: ORDERS }
      const { body } = await by.post('/oidc/token', { grant_type: EXCHANGE, ...form })
      return claimsIn(body.access_token)
    }
    expect(await exchanged(portal)).toMatchObject({
      sub: ada.id,
      act: { sub: portal.id, act: { sub: shop.id } },
    })
    const own = await exchanged(shop)
    expect(own).toMatchObject({ sub: await subOf(shop), act: { sub: shop.id } })
    expect(own.sid).toBeUndefined()
  })

  it('cannot act as users by ids that its app does not know', async () => {
    const form = { subject_token: ada.id, subject_token_type: 'urn:latchkey:params:oauth:token-type:user_id' }
    const actor = {
      actor_token: (await tokensOf(shop, root)).access_token ?? '',
      actor_token_type: ACCESS_TOKEN,
    }
    const sent = {
      grant_type: EXCHANGE,
      ...form,
      ...actor,
      resource: ORDERS,
      scope: 'read',
      reason: 'Ticket 1',
    }
    expect((await shop.post('/oidc/token', sent)).body.error).toBe('unauthorized_client')
  })
})

describe('a hint', () => {
  const silent = async (who: Person, more: Record<string, string>) => {
    const redirect_uri = redirects.get(shop.id) ?? ''
    const { left } = await follow(who.client, authorizePath(shop, { prompt: 'none', redirect_uri, ...more }))
    return left?.searchParams.get('error') ?? (left?.searchParams.has('code') ? 'code' : null)
  }
  it('of a text that no subject can be is of no user', async () => {
    for (const value of ['\u0000', 'x'.repeat(8000), ada.id])
      expect(await silent(ada, claims(value))).toBe('login_required')
  })

  const claims = (value: unknown) => ({ claims: JSON.stringify({ id_token: { sub: { value } } }) })

  it('names the user by an ID token or by the subject of the app, and by no other', async () => {
    const { id_token = '' } = await tokensOf(shop)
    const { id_token: foreign = '' } = await tokensOf(news)
    const sub = claimsIn(id_token).sub
    expect(await silent(ada, { id_token_hint: id_token })).toBe('code')
    expect(await silent(ada, claims(sub))).toBe('code')
    expect(await silent(ada, { id_token_hint: id_token, ...claims(sub) })).toBe('code')
    expect(await silent(bob, { id_token_hint: id_token })).toBe('login_required')
    expect(await silent(ada, { id_token_hint: foreign })).toBe('invalid_request')
    for (const other of [ada.id, await subOf(news), await subOf(shop, bob), ''])
      expect(await silent(ada, claims(other))).toBe('login_required')
  })

  it('of the session signs its user out without a question, and apps learn of it by what they know', async () => {
    const eve = await world.person()
    const [first, second] = [await tokensOf(shop, eve), await tokensOf(news, eve)]
    const [here, there] = [first, second].map(({ id_token = '' }) => claimsIn(id_token))
    const path = (hint: string) =>
      `/oidc/logout?${new URLSearchParams({ id_token_hint: hint, post_logout_redirect_uri: SIGNED_OUT })}`
    const question = await bob.client.get(path(first.id_token ?? ''), { headers: { accept: 'text/html' } })
    expect(question.headers.get('location')).toBeNull()
    receiver.received.length = 0
    const reply = await eve.client.get(path(first.id_token ?? ''), { headers: { accept: 'text/html' } })
    expect(reply.headers.get('location')).toBe(SIGNED_OUT)
    expect((await eve.client.get('/api/v1/users/me')).status).toBe(401)
    await world.app.settle()
    const told = receiver.tokens().map(claimsIn)
    expect(told.map(({ aud, sub, sid }) => ({ aud, sub, sid }))).toEqual(
      expect.arrayContaining([
        { aud: shop.id, sub: here?.sub, sid: here?.sid },
        { aud: news.id, sub: there?.sub, sid: there?.sid },
      ]),
    )
  })

  it('reaches apps without the subject where the user was deleted', async () => {
    const eve = await world.person()
    const { id_token = '' } = await tokensOf(shop, eve)
    receiver.received.length = 0
    await root.client.delete(`/api/v1/users/${eve.id}`)
    await world.app.settle()
    expect(receiver.tokens().map((token) => [claimsIn(token).sub, claimsIn(token).sid])).toEqual([
      [undefined, claimsIn(id_token).sid],
    ])
  })
})

describe('the settings', () => {
  const CLIENTS = '/api/v1/oidc/clients'
  const made = (settings: object) => root.client.post(CLIENTS, { name: 'Shop', settings })
  const faultsOf = ({ status, body }: Reply): string[] => {
    const faults: { field: string; code: string }[] = status < 300 ? [] : body.error.details
    return faults.map(({ field, code }) => `${field} ${code}`)
  }
  const HERE = 'https://a.example.com/callback'
  const pairwise = { subject_type: 'pairwise', redirect_uris: [HERE] }

  it('need one host, and no document', async () => {
    const two = [HERE, 'https://b.example.com/callback']
    expect(faultsOf(await made({ ...pairwise, redirect_uris: two }))).toEqual([
      'settings.subject_type sector',
    ])
    const local = { ...pairwise, application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'] }
    expect(faultsOf(await made(local))).toEqual(['settings.subject_type sector'])
    const document = { ...pairwise, sector_identifier_uri: 'https://a.example.com/sector.json' }
    expect(faultsOf(await made(document))).toEqual(['settings.sector_identifier_uri not_supported'])
    expect(faultsOf(await made(pairwise))).toEqual([])
  })

  it('do not change by what an app knows its users', async () => {
    const { data } = await made(pairwise)
    const path = `${CLIENTS}/${data.client_id}`
    const change = async (settings: object) => faultsOf(await root.client.patch(path, { settings }))
    expect(await change({ subject_type: 'public' })).toEqual(['settings.subject_type unchangeable'])
    expect(await change({ redirect_uris: ['https://b.example.com/callback'] })).toEqual([
      'settings.redirect_uris unchangeable',
    ])
    expect(
      await change({ redirect_uris: [HERE, 'https://a.example.com/other'], require_pkce: false }),
    ).toEqual([])
    const open = await made({ redirect_uris: [HERE] })
    const other = `${CLIENTS}/${open.data.client_id}`
    expect(faultsOf(await root.client.patch(other, { settings: { subject_type: 'pairwise' } }))).toEqual([
      'settings.subject_type unchangeable',
    ])
  })

  it('of an app that was stored with several hosts give it no user', async () => {
    const odd = await testApp(world, {
      first_party: true,
      subject_type: 'pairwise',
      redirect_uris: ['https://app.example.com/callback', 'https://b.example.com/'],
    })
    const { left } = await follow(ada.client, authorizePath(odd))
    expect(left?.searchParams.get('error')).toBe('unauthorized_client')
  })

  it('are in the metadata of the server', async () => {
    const { body } = await world.client().get('/.well-known/openid-configuration')
    expect(body.subject_types_supported).toEqual(['public', 'pairwise'])
  })
})
