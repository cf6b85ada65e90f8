/** RFC 8693, token exchange: delegation to the APIs of other services, administrators who act as users, and what neither gets. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AppKey, appKey } from '../../../testing/app-keys.ts'
import {
  authorizedCode,
  CALLBACK,
  claimsIn,
  type TestApp,
  testApp,
  testResource,
  VERIFIER,
} from '../../../testing/apps.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const ORDERS = 'https://orders.example.com'
const BILLING = 'https://billing.example.com'

let world: World
let ada: Person
let root: Person
/** Signs users in, and gets tokens for the orders. */
let portal: TestApp
/** Serves the orders, and calls the billing. */
let orders: TestApp
const SCOPES = ['openid', 'profile', 'offline_access', 'read', 'write']
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  root = await world.person({ roles: ['super_admin'] })
  for (const identifier of [ORDERS, BILLING])
    await testResource(world, identifier, ['read', 'write', ...(identifier === BILLING ? ['pay'] : [])])
  portal = await testApp(world, { first_party: true, scopes: SCOPES })
  orders = await testApp(world, {
    grant_types: [EXCHANGE],
    redirect_uris: [],
    scopes: ['openid', 'read', 'pay'],
    served_resources: [ORDERS],
  })
})
afterAll(() => world?.stop())

const tokensOf = async (who: Person, of = portal, more: Record<string, string> = {}) => {
  const sent = { resource: ORDERS, scope: 'openid read write', ...more }
  return (await of.exchange(await authorizedCode(who.client, of, sent))).body
}
const exchange = (by: TestApp, form: Record<string, string> | URLSearchParams) => {
  const body = new URLSearchParams(form)
  body.set('grant_type', EXCHANGE)
  return by.post('/oidc/token', body)
}
const delegate = (token: string, form: Record<string, string> = {}, by = orders) =>
  exchange(by, { subject_token: token, subject_token_type: ACCESS_TOKEN, resource: BILLING, ...form })
const outcome = async (reply: ReturnType<typeof exchange>) => {
  const { status, body } = await reply
  return status === 200 ? 'token' : `${status} ${body.error}`
}

describe('a service that exchanges a token which it was sent (§2.1, §2.2)', () => {
  it('gets one for another API, of the same user, with itself as the actor', async () => {
    const { access_token: subject } = await tokensOf(ada)
    const { status, body, headers } = await delegate(subject)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({
      access_token: expect.any(String),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'read',
    })
    const [before, after] = [claimsIn(subject), claimsIn(body.access_token)]
    expect(after).toMatchObject({
      sub: ada.id,
      aud: BILLING,
      client_id: orders.id,
      scope: 'read',
      act: { sub: orders.id },
      sid: before.sid,
      fam: before.fam,
    })
    expect(after.roles).toBeUndefined()
  })

  it('never gets more scopes than the token and the app both have', async () => {
    const { access_token: subject } = await tokensOf(ada)
    expect((await delegate(subject, { scope: 'read' })).body.scope).toBe('read')
    // `write` is the token's alone, `pay` the app's alone, and there is nothing offline
    for (const scope of ['write', 'pay', 'read pay', 'offline_access', 'unknown'])
      expect(await outcome(delegate(subject, { scope }))).toBe('400 invalid_scope')
    const { access_token: narrow } = await tokensOf(ada, portal, { scope: 'openid' })
    expect((await delegate(narrow)).body.scope).toBeUndefined()
  })

  it('never gets a longer life than the token has', async () => {
    const brief = await testApp(world, { first_party: true, scopes: SCOPES, access_token_lifetime: 600 })
    const { access_token: subject } = await tokensOf(ada, brief)
    await world.clock.advance('9 minutes')
    const { body } = await delegate(subject)
    expect(body.expires_in).toBeLessThanOrEqual(60)
    expect(Number(claimsIn(body.access_token).exp)).toBeLessThanOrEqual(Number(claimsIn(subject).exp))
    await world.clock.advance('2 minutes')
    expect(await outcome(delegate(subject))).toBe('400 invalid_request')
  })

  it('may narrow its token for the same API', async () => {
    const both = await testApp(world, {
      first_party: true,
      scopes: SCOPES,
      grant_types: ['authorization_code', EXCHANGE],
    })
    const { access_token: subject } = await tokensOf(ada, both)
    const form = { subject_token: subject, subject_token_type: ACCESS_TOKEN, scope: 'read' }
    const { body } = await exchange(both, form)
    expect(claimsIn(body.access_token)).toMatchObject({ aud: ORDERS, scope: 'read', act: { sub: both.id } })
  })

  it('may name the API by audience, and only one that is for it', async () => {
    const { access_token: subject } = await tokensOf(ada)
    const form = { subject_token: subject, subject_token_type: ACCESS_TOKEN }
    const { body } = await exchange(orders, { ...form, audience: BILLING })
    expect(claimsIn(body.access_token).aud).toBe(BILLING)
    const two = new URLSearchParams({ ...form, audience: BILLING })
    two.append('audience', ORDERS)
    expect(claimsIn((await exchange(orders, two)).body.access_token).aud).toEqual([BILLING, ORDERS])
    for (const audience of ['https://unknown.example.com', world.config.publicUrl, portal.id])
      expect(await outcome(exchange(orders, { ...form, audience }))).toBe('400 invalid_target')
    // a token for nothing but userinfo names no API
    const { access_token: bare } = await tokensOf(ada, await testApp(world, { first_party: true }), {
      resource: ORDERS,
      scope: 'openid',
    })
    expect(claimsIn(bare).aud).toContain(ORDERS)
  })

  it('may be introspected by the service that serves the API, and by no other one', async () => {
    const { access_token: token } = await tokensOf(ada)
    const idle = await testApp(world, {
      grant_types: [EXCHANGE],
      redirect_uris: [],
      served_resources: [BILLING],
    })
    const active = async (by: TestApp) => (await by.post('/oidc/introspect', { token })).body.active
    expect([await active(orders), await active(idle)]).toEqual([true, false])
  })

  it('is for APIs alone: userinfo takes none', async () => {
    const { access_token: token } = await tokensOf(ada)
    expect(await outcome(delegate(token, { scope: 'openid' }))).toBe('400 invalid_scope')
  })

  it('gets nothing that is exchanged again, refreshed, or accepted by this server', async () => {
    const { body } = await delegate((await tokensOf(ada)).access_token)
    expect(body.refresh_token).toBeUndefined()
    const billing = await testApp(world, {
      grant_types: [EXCHANGE],
      redirect_uris: [],
      served_resources: [BILLING],
    })
    for (const by of [orders, billing])
      expect(await outcome(delegate(body.access_token, { resource: ORDERS }, by))).toBe('400 invalid_request')
    const headers = { authorization: `Bearer ${body.access_token}` }
    expect((await world.client().get('/api/v1/users/me', { headers })).status).toBe(401)
    expect((await world.client().get('/oidc/userinfo', { headers })).status).toBe(401)
    const seen = await orders.post('/oidc/introspect', { token: body.access_token })
    expect(seen.body).toMatchObject({ active: true, sub: ada.id, act: { sub: orders.id } })
  })
})

describe('what is no token for the app is refused', () => {
  it('that of another app, for another API, of a session, and of no user (Casdoor CVE-2026-9094)', async () => {
    const own = await tokensOf(ada)
    const stranger = await testApp(world, { grant_types: [EXCHANGE], redirect_uris: [] })
    expect(await outcome(delegate(own.access_token, {}, stranger))).toBe('400 invalid_request')
    const forBilling = await tokensOf(ada, portal, { resource: BILLING })
    expect(await outcome(delegate(forBilling.access_token))).toBe('400 invalid_request')
    const { data } = await world
      .client()
      .post('/api/v1/auth/login', { username: ada.email, password: PASSWORD, tokens: true })
    const program = await testApp(world, { grant_types: ['client_credentials'], redirect_uris: [] })
    const { body: bare } = await program.post('/oidc/token', { grant_type: 'client_credentials' })
    for (const text of [data.access_token, bare.access_token, own.id_token, own.refresh_token, 'x', 'a.b.c'])
      expect(await outcome(delegate(text))).toBe('400 invalid_request')
    const [head, body, signature = ''] = own.access_token.split('.')
    const forged = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    expect(await outcome(delegate(forged))).toBe('400 invalid_request')
  })

  it('that was revoked, or whose session or account has ended (Casdoor CVE-2026-9094)', async () => {
    const ENDS: Readonly<Record<string, (ben: Person, tokens: Record<string, string>) => Promise<unknown>>> =
      {
        revoked: (_ben, { access_token: token = '' }) => portal.post('/oidc/revoke', { token }),
        'its family': (_ben, { refresh_token: token = '' }) => portal.post('/oidc/revoke', { token }),
        'signed out': ({ client }) => client.post('/api/v1/auth/logout'),
        disabled: ({ id }) => root.client.post(`/api/v1/users/${id}/disable`),
        locked: ({ id }) => root.client.post(`/api/v1/users/${id}/lock`, {}),
      }
    for (const [what, end] of Object.entries(ENDS)) {
      const ben = await world.person()
      const tokens = await tokensOf(ben)
      expect([what, await outcome(delegate(tokens.access_token))]).toEqual([what, 'token'])
      await end(ben, tokens)
      await expect
        .poll(async () => [what, await outcome(delegate(tokens.access_token))])
        .toEqual([what, '400 invalid_request'])
    }
  })

  it('ends with the token that it came from, where that is revoked with its family', async () => {
    const ben = await world.person()
    const tokens = await tokensOf(ben)
    const { body } = await delegate(tokens.access_token)
    await portal.post('/oidc/revoke', { token: tokens.refresh_token })
    const active = async () =>
      (await orders.post('/oidc/introspect', { token: body.access_token })).body.active
    await expect.poll(active).toBe(false)
  })

  it('whose user may not use the app that asks', async () => {
    const staff = await testApp(world, {
      grant_types: [EXCHANGE],
      redirect_uris: [],
      served_resources: [ORDERS],
      allowed_roles: ['super_admin'],
    })
    expect(await outcome(delegate((await tokensOf(ada)).access_token, {}, staff))).toBe('400 invalid_request')
    expect(await outcome(delegate((await tokensOf(root)).access_token, {}, staff))).toBe('token')
  })

  it('of another organization, and of the server for an app of an organization', async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(() => world.organization({ members: [[ada, 'owner']] })),
    )
    const [here, there] = ['https://one.example.com', 'https://other.example.com']
    await testResource(world, here, ['read'], one)
    await testResource(world, there, ['read'], other)
    const ofOne = await testApp(world, { scopes: ['openid', 'read'] }, { organization: one ?? '' })
    const service = await testApp(
      world,
      {
        grant_types: [EXCHANGE],
        redirect_uris: [],
        served_resources: [here, there, ORDERS],
        scopes: ['read'],
      },
      { organization: other ?? '' },
    )
    const { access_token: subject } = await tokensOf(ada, ofOne, { resource: here, scope: 'openid read' })
    expect(await outcome(delegate(subject, { resource: there }, service))).toBe('400 invalid_request')
    const { access_token: ofServer } = await tokensOf(ada)
    expect(await outcome(delegate(ofServer, { resource: there }, service))).toBe('400 invalid_request')
  })

  it('that is bound to a key which the app has not proven; with the proof, the new one is bound to it, too (RFC 9449)', async () => {
    const both = await testApp(world, {
      first_party: true,
      scopes: SCOPES,
      grant_types: ['authorization_code', EXCHANGE],
    })
    const [key, other] = [appKey(), appKey()]
    const proof = ({ jwk, sign }: AppKey): string => {
      const { kid: _, ...bare } = jwk
      const iat = Math.floor(world.clock.now().getTime() / 1000)
      const htu = `${world.config.publicUrl}/oidc/token`
      return sign({ typ: 'dpop+jwt', jwk: bare }, { jti: randomUUID(), htm: 'POST', htu, iat })
    }
    const code = await authorizedCode(ada.client, both, { resource: ORDERS, scope: 'openid read' })
    const form = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER }
    const { body } = await both.post('/oidc/token', form, { dpop: proof(key) })
    const bound = { subject_token: body.access_token, subject_token_type: ACCESS_TOKEN }
    expect(await outcome(delegate(body.access_token))).toBe('400 invalid_request')
    expect(await outcome(exchange(both, bound))).toBe('400 invalid_request')
    const by = (one: AppKey) =>
      both.post('/oidc/token', { ...bound, grant_type: EXCHANGE }, { dpop: proof(one) })
    expect(await outcome(by(other))).toBe('400 invalid_request')
    const reply = await by(key)
    expect(reply.body.token_type).toBe('DPoP')
    expect(claimsIn(reply.body.access_token).cnf).toEqual(claimsIn(body.access_token).cnf)
  })
})

describe('a request that is not one (§2.1, §2.2.2)', () => {
  it('is refused with the error of the RFC', async () => {
    const { access_token: subject } = await tokensOf(ada)
    const good = { subject_token: subject, subject_token_type: ACCESS_TOKEN, resource: BILLING }
    for (const form of [
      {},
      { subject_token: subject },
      { subject_token_type: ACCESS_TOKEN },
      { ...good, subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      { ...good, requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      { ...good, actor_token: subject },
      { ...good, actor_token_type: ACCESS_TOKEN },
      { ...good, actor_token: subject, actor_token_type: ACCESS_TOKEN },
    ])
      expect(await outcome(exchange(orders, form))).toBe('400 invalid_request')
    expect(await outcome(exchange(orders, { ...good, requested_token_type: ACCESS_TOKEN }))).toBe('token')
    expect(await outcome(exchange(portal, good))).toBe('400 unauthorized_client')
    const open = await testApp(world, {
      token_endpoint_auth_method: 'none',
      grant_types: [EXCHANGE],
      served_resources: [ORDERS],
    })
    expect(await outcome(exchange(open, good))).toBe('400 unauthorized_client')
  })

  it('has its grant in the metadata', async () => {
    const { body } = await world.client().get('/.well-known/openid-configuration')
    expect(body.grant_types_supported).toContain(EXCHANGE)
  })
})
