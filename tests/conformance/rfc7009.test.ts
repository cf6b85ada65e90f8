/** RFC 7009, OAuth 2.0 Token Revocation: what it requires of an authorization server, by section. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { authorizedCode, type TestApp, testApp } from '../../packages/server/src/testing/apps.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { checkTokenError } from './checks.ts'

let world: World
let ada: Person
let app: TestApp
let other: TestApp
let open: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world, { first_party: true })
  other = await testApp(world, { first_party: true })
  open = await testApp(world, { first_party: true, token_endpoint_auth_method: 'none' })
})
afterAll(() => world?.stop())

const tokens = async (of = app) => (await of.exchange(await authorizedCode(ada.client, of))).body
const revoke = (token: string, more: Record<string, string> = {}, of = app) =>
  of.post('/oidc/revoke', { token, ...more })
const isActive = async (token: string) => (await app.post('/oidc/introspect', { token })).body.active
const refresh = (refresh_token: string, of = app) =>
  of.post('/oidc/token', { grant_type: 'refresh_token', refresh_token })

it('§2.1 takes POST alone, as a form, with a token', async () => {
  expect((await world.client().get('/oidc/revoke?token=x')).status).toBe(405)
  checkTokenError(await app.post('/oidc/revoke', {}), 'invalid_request')
})

it('§2.1 requires the client to authenticate; a public one names itself', async () => {
  const { access_token: token } = await tokens()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const send = (form: string) => world.client().send('POST', '/oidc/revoke', form, { headers })
  checkTokenError(await send(`token=${token}`), 'invalid_client')
  checkTokenError(await send(`token=${token}&client_id=${app.id}`), 'invalid_client')
  expect(await isActive(token)).toBe(true)
  const { refresh_token: own } = await tokens(open)
  expect((await revoke(own, {}, open)).status).toBe(200)
  checkTokenError(await refresh(own, open), 'invalid_grant')
})

it('§2.1 revokes no token of another client', async () => {
  const { access_token: access, refresh_token: token } = await tokens()
  for (const one of [access, token]) checkTokenError(await revoke(one, {}, other), 'unauthorized_client')
  expect([await isActive(access), (await refresh(token)).status]).toEqual([true, 200])
})

it('§2.1 revokes with a refresh token the access tokens of the same grant, at once', async () => {
  const { access_token: access, refresh_token: token } = await tokens()
  const { body } = await refresh(token)
  expect((await revoke(body.refresh_token)).status).toBe(200)
  expect([await isActive(access), await isActive(body.access_token)]).toEqual([false, false])
  checkTokenError(await refresh(body.refresh_token), 'invalid_grant')
})

it('§2.1 revokes an access token alone', async () => {
  const { access_token: access, refresh_token: token } = await tokens()
  expect((await revoke(access)).status).toBe(200)
  expect([await isActive(access), (await refresh(token)).status]).toEqual([false, 200])
})

it.each(['access_token', 'refresh_token', 'unknown'])(
  '§2.1 finds a token with any token_type_hint: %s',
  async (token_type_hint) => {
    const { access_token: access, refresh_token: token } = await tokens()
    for (const one of [access, token]) expect((await revoke(one, { token_type_hint })).status).toBe(200)
    expect(await isActive(access)).toBe(false)
    checkTokenError(await refresh(token), 'invalid_grant')
  },
)

it('§2.2 answers 200 to a token that is none, or was revoked before', async () => {
  const { refresh_token: token } = await tokens()
  for (const one of [token, token, 'nonsense', 'rt_nonsense', 'a.b.c']) {
    const { status, text } = await revoke(one)
    expect([status, text]).toEqual([200, ''])
  }
})

it('RFC 8414 §2 lists the endpoint', async () => {
  const { body } = await world.client().get('/.well-known/oauth-authorization-server')
  expect(body.revocation_endpoint).toBe(`${world.config.publicUrl}/oidc/revoke`)
})
