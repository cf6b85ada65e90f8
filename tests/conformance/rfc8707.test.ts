/** RFC 8707, Resource Indicators for OAuth 2.0: what it requires of an authorization server, by section. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  claimsIn,
  follow,
  type TestApp,
  testApp,
  testResource,
} from '../../packages/server/src/testing/apps.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { checkTokenAnswer, checkTokenError } from './checks.ts'

const ORDERS = 'https://orders.example.com/api'
const BILLS = 'https://bills.example.com/api'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  await testResource(world, ORDERS, ['orders'])
  await testResource(world, BILLS, ['bills'])
  app = await testApp(world, {
    first_party: true,
    scopes: ['openid', 'offline_access', 'orders', 'bills'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  })
})
afterAll(() => world?.stop())

const pathOf = (resources: readonly string[], scope = 'orders bills') =>
  [authorizePath(app, { scope }), ...resources.map((one) => `resource=${encodeURIComponent(one)}`)].join('&')
async function code(resources: readonly string[], scope?: string): Promise<string> {
  const { left } = await follow(ada.client, pathOf(resources, scope))
  return left?.searchParams.get('code') ?? `${left?.searchParams.get('error')}`
}
const form = (fields: Record<string, string>, resources: readonly string[]) => {
  const all = new URLSearchParams(fields)
  for (const one of resources) all.append('resource', one)
  return all
}
const exchange = async (authorized: readonly string[], named: readonly string[]) => {
  const given = await code(authorized)
  const fields = {
    grant_type: 'authorization_code',
    code: given,
    redirect_uri: 'https://app.example.com/callback',
  }
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  return app.post('/oidc/token', form({ ...fields, code_verifier: verifier }, named))
}
const claims = (reply: { body: { access_token: string } }) => claimsIn(reply.body.access_token)

it.each([
  ['relative', '/api'],
  ['no URI', 'orders'],
  ['with a fragment', `${ORDERS}#a`],
  ['unknown', 'https://unknown.example.com/'],
  ['another in its spelling', `${ORDERS}/`],
])('§2 answers invalid_target to a resource that is %s', async (_what, resource) => {
  expect(await code([resource])).toBe('invalid_target')
  expect(await code([ORDERS, resource])).toBe('invalid_target')
  const grant = form({ grant_type: 'client_credentials' }, [resource])
  checkTokenError(await app.post('/oidc/token', grant), 'invalid_target')
})

it('§2 restricts the audience of an access token to what was named', async () => {
  const one = await exchange([ORDERS], [])
  checkTokenAnswer(one)
  expect(claims(one)).toMatchObject({ aud: ORDERS, scope: 'orders' })
  const both = await exchange([ORDERS, BILLS], [])
  expect(claims(both).aud).toEqual([ORDERS, BILLS])
})

it('§2.1 gives a scope to the resources that have it', async () => {
  const reply = await exchange([ORDERS], [])
  expect(reply.body.scope).toBe('orders')
})

it('§2.2 narrows a token to one of the resources that were authorized', async () => {
  const reply = await exchange([ORDERS, BILLS], [BILLS])
  expect(claims(reply)).toMatchObject({ aud: BILLS, scope: 'bills' })
  const again = await app.post(
    '/oidc/token',
    form({ grant_type: 'refresh_token', refresh_token: reply.body.refresh_token }, [ORDERS]),
  )
  expect(claims(again)).toMatchObject({ aud: ORDERS, scope: 'orders' })
})

it('§2.2 answers invalid_target to a resource that was not authorized', async () => {
  checkTokenError(await exchange([ORDERS], [BILLS]), 'invalid_target')
  const { body } = await exchange([ORDERS], [])
  const fields = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
  checkTokenError(await app.post('/oidc/token', form(fields, [BILLS])), 'invalid_target')
  // the fault has not cost the token
  checkTokenAnswer(await app.post('/oidc/token', form(fields, [])))
})

it('§2 is for client credentials too', async () => {
  const reply = await app.post(
    '/oidc/token',
    form({ grant_type: 'client_credentials', scope: 'orders' }, [ORDERS]),
  )
  expect(claims(reply)).toMatchObject({ aud: ORDERS, scope: 'orders', sub: app.id })
})

it('§3 a token for one resource is none at another, nor at the server itself', async () => {
  const { body } = await exchange([ORDERS], [])
  const headers = { authorization: `Bearer ${body.access_token}` }
  expect((await world.client().get('/oidc/userinfo', { headers })).status).toBe(401)
  expect((await world.client().get('/api/v1/users/me', { headers })).status).toBe(401)
  const own = await app.exchange(await authorizedCode(ada.client, app, { scope: 'openid' }))
  expect([claims(own).aud].flat()).not.toContain(ORDERS)
})
