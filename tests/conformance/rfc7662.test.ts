/** RFC 7662, OAuth 2.0 Token Introspection: what it requires of an authorization server, by section. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { authorizedCode, claimsIn, type TestApp, testApp } from '../../packages/server/src/testing/apps.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { checkTokenError } from './checks.ts'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world, { first_party: true })
})
afterAll(() => world?.stop())

const tokens = async (of = app, scope = 'openid email') =>
  (await of.exchange(await authorizedCode(ada.client, of, { scope }))).body
const introspect = (token: string, more: Record<string, string> = {}, of = app) =>
  of.post('/oidc/introspect', { token, ...more })

it('§2.1 takes POST alone, as a form, with a token', async () => {
  expect((await world.client().get('/oidc/introspect?token=x')).status).toBe(405)
  checkTokenError(await app.post('/oidc/introspect', {}), 'invalid_request')
})

it('§2.1 requires authorization, and says so as RFC 6749 §5.2 does (§2.3)', async () => {
  const { access_token: token } = await tokens()
  const send = (headers: Record<string, string>) =>
    world.client().send('POST', '/oidc/introspect', `token=${token}`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  checkTokenError(await send({}), 'invalid_client')
  const wrong = await send({ authorization: `Basic ${Buffer.from(`${app.id}:x`).toString('base64')}` })
  checkTokenError(wrong, 'invalid_client')
  expect(wrong.headers.get('www-authenticate')).toMatch(/^Basic /)
  const open = await testApp(world, { first_party: true, token_endpoint_auth_method: 'none' })
  checkTokenError(await introspect(token, {}, open), 'unauthorized_client')
})

it('§2.2 answers with members of the right types, which say what the token says', async () => {
  const { access_token: token } = await tokens()
  const { status, body, headers } = await introspect(token)
  expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  const { iss, sub, aud, exp, iat, jti } = claimsIn(token)
  expect(body).toMatchObject({
    active: true,
    scope: 'openid email',
    client_id: app.id,
    token_type: 'Bearer',
    ...{ iss, sub, aud, exp, iat, jti },
  })
  expect([body.exp, body.iat].every(Number.isInteger)).toBe(true)
})

it('§2.1 knows refresh tokens too, with any token_type_hint', async () => {
  const { access_token: access, refresh_token: token } = await tokens()
  for (const token_type_hint of ['access_token', 'refresh_token', 'unknown'])
    for (const one of [access, token])
      expect((await introspect(one, { token_type_hint })).body).toMatchObject({
        active: true,
        client_id: app.id,
      })
})

it('§2.2 answers with active alone where the token is none', async () => {
  for (const one of ['nonsense', 'rt_x', 'a.b.c', 'st_x'])
    expect((await introspect(one)).body).toEqual({ active: false })
})

it('§2.2, §4 an expired, a used and a revoked token is inactive', async () => {
  const [used, late] = [await tokens(), await tokens(app, 'openid offline_access')]
  const { body } = await app.post('/oidc/token', {
    grant_type: 'refresh_token',
    refresh_token: used.refresh_token,
  })
  expect((await introspect(used.refresh_token)).body).toEqual({ active: false })
  await app.post('/oidc/revoke', { token: body.refresh_token })
  for (const one of [used.access_token, body.access_token, body.refresh_token])
    expect((await introspect(one)).body).toEqual({ active: false })
  await world.clock.advance('61 minutes')
  expect((await introspect(late.access_token)).body).toEqual({ active: false })
  expect((await introspect(late.refresh_token)).body.active).toBe(true)
  await ada.client.signIn(ada.email, ada.password)
})

it('§4 tells a client nothing of tokens that are not for it', async () => {
  const [owner] = await world.people(1)
  if (!owner) throw new Error('no user')
  const organization = await world.organization({ members: [[owner, 'owner']] })
  const foreign = await testApp(world, {}, { organization })
  const stranger = await testApp(world)
  const { access_token: access, refresh_token: token } = await tokens()
  for (const of of [foreign, stranger])
    for (const one of [access, token]) expect((await introspect(one, {}, of)).body).toEqual({ active: false })
})

it('§4 takes an ID token, and a token of another algorithm, for none', async () => {
  const { id_token: idToken, access_token: token } = await tokens()
  expect((await introspect(idToken)).body).toEqual({ active: false })
  const head = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  expect((await introspect(`${head}.${token.split('.')[1]}.`)).body).toEqual({ active: false })
})
