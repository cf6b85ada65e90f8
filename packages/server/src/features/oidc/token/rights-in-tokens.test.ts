/** What access tokens of apps say of the rights of the user: what the scopes of the app cover too, never more. */
import { covers } from '@latchkey/guard'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizedCode, claimsIn, type TestApp, testApp, testResource } from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const API = 'https://orders.example.com'
const SCOPES = ['users:read', 'users:*', '*:read', 'orders:read', 'users:read:own', 'users']
const ORGANIZATION_API = 'https://tenant.example.com'

let world: World
let root: Person
/** May do `users:read` and `orders:*`. */
let clerk: Person
/** An app of another party, as the operator adds it, with all scopes of the API. */
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  root = await world.person({ roles: ['super_admin'] })
  const role = { name: 'clerk', permissions: ['users:read', 'orders:*'], inherits: [], grants: [] }
  const made = await root.client.post('/api/v1/roles', role)
  if (made.status !== 201) throw new Error(made.text)
  clerk = await world.person({ roles: ['clerk'] })
  await testResource(world, API, SCOPES, null, 'full')
  app = await testApp(world, { scopes: ['openid', 'roles', 'organization', ...SCOPES] })
})
afterAll(() => world?.stop())

const claimsFor = async (who: Person, of: TestApp, scope: string, resource: string | null = API) => {
  const { body } = await of.exchange(await authorizedCode(who.client, of, { scope, resource }))
  const refreshed = await of.post('/oidc/token', {
    grant_type: 'refresh_token',
    refresh_token: body.refresh_token,
  })
  const [first, second] = [claimsIn(body.access_token), claimsIn(refreshed.body.access_token)]
  expect(second.permissions).toEqual(first.permissions)
  return first
}

describe('a token for an API with all claims', () => {
  it('has no permission and no role for an app without scopes of the API', async () => {
    const lean = await testApp(world)
    const claims = await claimsFor(root, lean, 'openid')
    expect(claims.aud).toContain(API)
    expect([claims.permissions, claims.roles, claims.role]).toEqual([[], undefined, undefined])
  })

  it.each([
    { scope: 'users:read', held: ['users:read'], all: ['users:read'] },
    { scope: 'users:*', held: ['users:read'], all: ['users:*'] },
    { scope: '*:read', held: ['orders:read', 'users:read'], all: ['*:read'] },
    { scope: 'orders:read', held: ['orders:read'], all: ['orders:read'] },
    {
      scope: 'orders:read users:read',
      held: ['orders:read', 'users:read'],
      all: ['orders:read', 'users:read'],
    },
    { scope: 'users', held: [], all: [] },
    { scope: 'users:read:own', held: [], all: [] },
    { scope: 'roles', held: [], all: [] },
  ])('has of the permissions what the scope $scope covers', async ({ scope, held, all }) => {
    const asked = `openid ${scope}`
    expect((await claimsFor(clerk, app, asked)).permissions).toEqual(held)
    // who may do everything
    expect((await claimsFor(root, app, asked)).permissions).toEqual(expect.arrayContaining(all))
  })

  it('has nothing that either the user or the app may not do', async () => {
    for (const scope of SCOPES) {
      const permissions = (await claimsFor(clerk, app, scope)).permissions as string[]
      expect(covers(['users:read', 'orders:*'], permissions)).toBe(true)
      expect(covers([scope], permissions)).toBe(true)
    }
  })

  it('has the roles with the scope `roles`, or for an app of the operator', async () => {
    expect((await claimsFor(clerk, app, 'openid roles')).roles).toEqual(['clerk'])
    expect((await claimsFor(clerk, app, 'openid users:read')).roles).toBeUndefined()
    const own = await testApp(world, { first_party: true, scopes: ['openid', 'users:read'] })
    expect(await claimsFor(clerk, own, 'openid users:read')).toMatchObject({
      roles: ['clerk'],
      permissions: ['users:read'],
    })
    expect((await claimsFor(root, own, 'openid')).permissions).toEqual([])
  })

  it('says who the user is, and where they act, only by the scopes that name these', async () => {
    const organization = await world.organization({ members: [[clerk, 'member']] })
    const acting = await clerk.client.post('/api/v1/auth/organization', { organization_id: organization })
    expect(acting.status).toBe(200)
    const foreign = await testApp(world, { scopes: ['openid', 'profile', 'organization', 'users:read'] })
    const lean = await claimsFor(clerk, foreign, 'openid users:read')
    expect([lean.username, lean.org, lean.org_permissions]).toEqual([undefined, undefined, undefined])
    const named = await claimsFor(clerk, foreign, 'openid profile organization users:read')
    expect(['username' in named, named.org]).toEqual([true, organization])
  })

  it('ends with a change of a role that is behind its permissions, where it names the role and where not', async () => {
    const role = { name: 'temp', permissions: ['users:read'], inherits: [], grants: [] }
    expect((await root.client.post('/api/v1/roles', role)).status).toBe(201)
    const temp = await world.person({ roles: ['temp'] })
    const tokenFor = async (scope: string) =>
      (await app.exchange(await authorizedCode(temp.client, app, { scope, resource: API }))).body
        .access_token as string
    const [unnamed, named, bare] = [
      await tokenFor('openid users:read'),
      await tokenFor('openid roles users:read'),
      await tokenFor('openid users'),
    ]
    expect(claimsIn(unnamed)).toMatchObject({ permissions: ['users:read'] })
    expect(claimsIn(bare)).toMatchObject({ permissions: [] })
    const active = () =>
      Promise.all(
        [unnamed, named, bare].map(
          async (token) => (await app.post('/oidc/introspect', { token })).body.active,
        ),
      )
    expect(await active()).toEqual([true, true, true])
    const changed = await root.client.patch('/api/v1/roles/temp', { permissions: ['orders:read'] })
    expect(changed.status).toBe(200)
    await expect.poll(active).toEqual([false, false, true])
    const next = await tokenFor('openid users:read')
    expect(claimsIn(next).permissions).toEqual([])
    expect((await app.post('/oidc/introspect', { token: next })).body.active).toBe(true)
  })

  it('is matched by the ID token of an app that does not call userinfo, by the same scopes', async () => {
    const of = await testApp(world, { claims_in_id_token: true })
    const told = async (scope: string) => {
      const { body } = await of.exchange(await authorizedCode(root.client, of, { scope }))
      const info = await of.post('/oidc/userinfo', { access_token: body.access_token })
      const { roles, org, org_role } = claimsIn(body.id_token)
      expect([roles, org, org_role]).toEqual([info.body.roles, info.body.org, info.body.org_role])
      return roles
    }
    expect(await told('openid')).toBeUndefined()
    expect(await told('openid roles organization')).toEqual(['super_admin'])
  })

  it('has the same of an organization', async () => {
    const owner = await world.person()
    const organization = await world.organization({ members: [[owner, 'owner']] })
    await testResource(world, ORGANIZATION_API, ['members:read', 'read'], organization, 'full')
    const settings = { scopes: ['openid', 'organization', 'members:read', 'read'] }
    const of = await testApp(world, settings, { organization })
    const lean = await claimsFor(owner, of, 'openid read', ORGANIZATION_API)
    expect(lean).toMatchObject({ org: organization, org_permissions: [], permissions: [] })
    expect(lean.org_role).toBeUndefined()
    const named = await claimsFor(owner, of, 'openid organization members:read', ORGANIZATION_API)
    expect(named).toMatchObject({ org_role: 'owner', org_permissions: ['members:read'], permissions: [] })
  })
})

describe('a token without an API', () => {
  it('has all permissions only for an app of the operator that is set to', async () => {
    const own = await testApp(world, { first_party: true, token_claims: 'full' })
    expect(await claimsFor(root, own, 'openid', null)).toMatchObject({
      permissions: expect.arrayContaining(['*']),
      roles: ['super_admin'],
    })
    const foreign = await testApp(world, { token_claims: 'full' })
    const claims = await claimsFor(root, foreign, 'openid', null)
    expect([claims.permissions, claims.roles]).toEqual([undefined, undefined])
  })
})
