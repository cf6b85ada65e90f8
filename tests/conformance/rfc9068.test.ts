/** RFC 9068, JWT Profile for OAuth 2.0 Access Tokens: what it requires of an authorization server, by section. */
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  authorizedCode,
  claimsIn,
  type TestApp,
  testApp,
  testResource,
} from '../../packages/server/src/testing/apps.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'

const API = 'https://api.example.com/'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  await testResource(world, API, ['read'])
  app = await testApp(world, {
    first_party: true,
    scopes: ['openid', 'email', 'roles', 'read'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  })
})
afterAll(() => world?.stop())

const tokens = async (more: Record<string, string> = { scope: 'read', resource: API }) =>
  (await app.exchange(await authorizedCode(ada.client, app, more))).body
const program = async (form: Record<string, string> = {}) =>
  (await app.post('/oidc/token', { grant_type: 'client_credentials', ...form })).body

it('§2.1 is signed, never by none, and has the type at+jwt', async () => {
  for (const { access_token: token } of [await tokens(), await program()]) {
    const { alg, typ, kid } = decodeProtectedHeader(token)
    expect([alg, typ, typeof kid]).toEqual(['ES256', 'at+jwt', 'string'])
  }
})

it('§2.2 has the required claims, of a user and of the app itself', async () => {
  const now = Math.floor(world.clock.now().getTime() / 1000)
  for (const [{ access_token: token, expires_in: lifetime }, sub] of [
    [await tokens(), ada.id],
    [await program({ scope: 'read', resource: API }), app.id],
  ] as const) {
    const claims = claimsIn(token)
    expect(claims).toMatchObject({
      iss: world.config.publicUrl,
      aud: API,
      sub,
      client_id: app.id,
      scope: 'read',
    })
    expect(Number(claims.exp) - Number(claims.iat)).toBe(lifetime)
    expect(Math.abs(Number(claims.iat) - now)).toBeLessThan(60)
    expect(String(claims.jti).length).toBeGreaterThan(20)
  }
})

it('§2.2 the jti is that of one token', async () => {
  const ids = [await tokens(), await tokens(), await program()].map(
    ({ access_token }) => claimsIn(access_token).jti,
  )
  expect(new Set(ids).size).toBe(3)
})

it('§2.2.1 says how the user was authenticated, and keeps that at a refresh', async () => {
  const { access_token: token, refresh_token } = await tokens()
  const { auth_time, acr, amr } = claimsIn(token)
  expect([Number.isInteger(auth_time), acr, amr]).toEqual([true, 'aal1', ['pwd']])
  await world.clock.advance('20 minutes')
  const { body } = await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token })
  expect(claimsIn(body.access_token)).toMatchObject({ auth_time, acr, amr })
})

it('§2.2.3 says which scopes were granted', async () =>
  expect(claimsIn((await tokens({ scope: 'openid email' })).access_token).scope).toBe('openid email'))

it('§2.2.3.1 names roles only where the resource asks for them', async () =>
  expect(claimsIn((await tokens()).access_token).roles).toBeUndefined())

it('§3 has an audience always: the resource that was named, or a default', async () => {
  expect(claimsIn((await tokens()).access_token).aud).toBe(API)
  for (const token of [(await tokens({ scope: 'openid' })).access_token, (await program()).access_token])
    expect([claimsIn(token).aud].flat().length).toBeGreaterThan(0)
})

it('§4 is verified by the published keys, which jwks_uri names', async () => {
  const { body: metadata } = await world.client().get('/.well-known/oauth-authorization-server')
  const { body: keys } = await world.client().get(new URL(metadata.jwks_uri).pathname)
  const { access_token: token } = await tokens()
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
    issuer: metadata.issuer,
    audience: API,
    typ: 'at+jwt',
    currentDate: world.clock.now(),
  })
  expect(payload.sub).toBe(ada.id)
  // §5: the keys of ID tokens are others
  const { id_token: idToken } = await tokens({ scope: 'openid' })
  expect(decodeProtectedHeader(idToken).kid).not.toBe(decodeProtectedHeader(token).kid)
})

it('§4 an ID token is no access token', async () => {
  const { id_token: idToken } = await tokens({ scope: 'openid' })
  const headers = { authorization: `Bearer ${idToken}` }
  expect((await world.client().get('/oidc/userinfo', { headers })).status).toBe(401)
  expect((await world.client().get('/api/v1/users/me', { headers })).status).toBe(401)
})
