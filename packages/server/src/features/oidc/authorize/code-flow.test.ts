/** The authorization code flow, from the app's redirect to userinfo, as an app and a browser go through it. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerConsent,
  authorizedCode,
  authorizePath,
  CALLBACK,
  claimsIn,
  follow,
  type TestApp,
  testApp,
} from '../../../testing/apps.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world)
})
afterAll(() => world?.stop())

describe('signing in to an app', () => {
  it('asks the user once, and gives the app a code that gets tokens', async () => {
    const first = await follow(
      ada.client,
      authorizePath(app, { scope: 'openid profile email', nonce: 'n-1' }),
    )
    expect(first.reply.status).toBe(200)
    expect(first.reply.text).toContain('Portal')
    expect(first.reply.text).toContain('app.example.com')
    const led = await answerConsent(ada.client, first.reply.text)
    expect(led.origin + led.pathname).toBe(CALLBACK)
    expect(led.searchParams.get('state')).toBe('a state')
    expect(led.searchParams.get('iss')).toBe(world.config.publicUrl)
    const code = led.searchParams.get('code') ?? ''
    const { status, body, headers } = await app.exchange(code)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'openid profile email' })
    const id = claimsIn(body.id_token)
    expect(id).toMatchObject({
      iss: world.config.publicUrl,
      sub: ada.id,
      aud: app.id,
      nonce: 'n-1',
      acr: 'aal1',
    })
    expect(Object.keys(id).sort()).toEqual([
      'acr',
      'amr',
      'at_hash',
      'aud',
      'auth_time',
      'exp',
      'iat',
      'iss',
      'nonce',
      'sid',
      'sub',
    ])
    const half = createHash('sha256').update(body.access_token).digest().subarray(0, 16).toString('base64url')
    expect(id.at_hash).toBe(half)
    const access = claimsIn(body.access_token)
    expect(access).toMatchObject({ client_id: app.id, scope: 'openid profile email', sub: ada.id })
    expect(access.aud).toBe(`${world.config.publicUrl}/oidc/userinfo`)
    expect(access.roles).toBeUndefined()
    const info = await world.client().get('/oidc/userinfo', {
      headers: { authorization: `Bearer ${body.access_token}` },
    })
    expect(info.body).toMatchObject({ sub: ada.id, email: 'ada@example.com', email_verified: true })
    expect(typeof info.body.updated_at).toBe('number')
    // a second time nothing appears
    const second = await follow(ada.client, authorizePath(app, { scope: 'openid email' }))
    expect(second.left?.searchParams.get('code')).toMatch(/^ac_/)
  })

  it('signs ID tokens by RS256, with a key of the JWK set', async () => {
    const { body } = await app.exchange(await authorizedCode(ada.client, app))
    const [head = '', claims = '', signature = ''] = body.id_token.split('.')
    const { alg, kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
    expect(alg).toBe('RS256')
    const { body: set } = await world.client().get('/oidc/jwks')
    const jwk = set.keys.find((one: { kid: string }) => one.kid === kid)
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(
      true,
    )
  })

  it('leads who is not signed in through the sign-in, and back to the app', async () => {
    const browser = world.client()
    const own = await testApp(world, { first_party: true })
    const { reply, at } = await follow(browser, authorizePath(own, { login_hint: 'ada@example.com' }))
    expect(at).toMatch(/^\/sign-in\?return_to=/)
    expect(reply.text).toContain('ada@example.com')
    expect(reply.headers.get('content-security-policy')).toContain('https://app.example.com')
    await browser.signIn('ada@example.com', PASSWORD)
    const returnTo = new URL(at, world.url).searchParams.get('return_to') ?? ''
    const { left } = await follow(browser, returnTo)
    expect(left?.searchParams.get('code')).toMatch(/^ac_/)
    // the request is used up, but for a page that is loaded again at once
    expect((await follow(browser, returnTo)).left?.searchParams.get('code')).toMatch(/^ac_/)
    await world.clock.advance('11 seconds')
    expect((await follow(browser, returnTo)).reply.status).toBe(400)
  })

  it('tells the app where the user does not allow it', async () => {
    const other = await testApp(world)
    const { reply } = await follow(ada.client, authorizePath(other))
    const led = await answerConsent(ada.client, reply.text, 'deny')
    expect(led.searchParams.get('error')).toBe('access_denied')
    expect(led.searchParams.get('state')).toBe('a state')
  })
})

describe('refresh tokens of an app', () => {
  it('rotate, keep the time of the authentication, and are revoked with what they got when one is used twice', async () => {
    const { body: first } = await app.exchange(await authorizedCode(ada.client, app))
    await world.clock.advance('1 minute')
    const { status, body: second } = await app.post('/oidc/token', {
      grant_type: 'refresh_token',
      refresh_token: first.refresh_token,
    })
    expect(status).toBe(200)
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(claimsIn(second.id_token).auth_time).toBe(claimsIn(first.id_token).auth_time)
    expect(claimsIn(second.id_token).nonce).toBeUndefined()
    const userinfo = (token: string) =>
      world.client().get('/oidc/userinfo', { headers: { authorization: `Bearer ${token}` } })
    expect((await userinfo(second.access_token)).status).toBe(200)
    await world.clock.advance('1 minute')
    const again = await app.post('/oidc/token', {
      grant_type: 'refresh_token',
      refresh_token: first.refresh_token,
    })
    expect([again.status, again.body.error]).toEqual([400, 'invalid_grant'])
    expect((await userinfo(second.access_token)).status).toBe(401)
    const after = await app.post('/oidc/token', {
      grant_type: 'refresh_token',
      refresh_token: second.refresh_token,
    })
    expect([after.status, after.body.error]).toEqual([400, 'invalid_grant'])
  })

  it('are no use to another app, and not at our own API', async () => {
    const { body } = await app.exchange(await authorizedCode(ada.client, app))
    const other = await testApp(world)
    const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
    expect((await other.post('/oidc/token', form)).body.error).toBe('invalid_grant')
    const own = await world.client().post('/api/v1/auth/refresh', { refresh_token: body.refresh_token })
    expect(own.status).toBe(401)
    const asUser = await world.client().get('/api/v1/users/me', {
      headers: { authorization: `Bearer ${body.access_token}` },
    })
    expect(asUser.status).toBe(401)
    expect((await app.post('/oidc/token', form)).status).toBe(200)
  })
})

describe('a code', () => {
  it('is exchanged once, and a second use revokes what it got', async () => {
    const code = await authorizedCode(ada.client, app)
    const { body } = await app.exchange(code)
    const again = await app.exchange(code)
    expect([again.status, again.body.error]).toEqual([400, 'invalid_grant'])
    const info = await world.client().get('/oidc/userinfo', {
      headers: { authorization: `Bearer ${body.access_token}` },
    })
    expect(info.status).toBe(401)
  })

  it.each([
    ['another verifier', { code_verifier: 'x'.repeat(43) }],
    ['another address', { redirect_uri: 'https://app.example.com/other' }],
  ])('is not exchanged with %s, and never afterwards', async (_what, more) => {
    const code = await authorizedCode(ada.client, app)
    expect((await app.exchange(code, more)).body.error).toBe('invalid_grant')
    expect((await app.exchange(code)).body.error).toBe('invalid_grant')
  })

  it('ends with the session', async () => {
    const ben = await world.person({ email: 'ben@example.com' })
    const code = await authorizedCode(ben.client, app)
    await ben.client.post('/api/v1/auth/logout')
    expect((await app.exchange(code)).body.error).toBe('invalid_grant')
  })
})
