/** An organization's custom roles, and the active organization in sessions, tokens and guards. */
import { createGuard, currentPrincipal, type Guard, latchkey } from '@latchkey/guard'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { BASE, eventsOf, found, put, snapshot } from './organizations/founding.ts'

let world: World
let owner: Person
let admin: Person
let member: Person
let stranger: Person
let id: string
beforeAll(async () => {
  world = await startWorld()
  owner = await world.person({ email: 'owner@example.com' })
  admin = await world.person({ email: 'admin@example.com' })
  member = await world.person({ email: 'member@example.com' })
  stranger = await world.person({ email: 'stranger@example.com' })
})
afterAll(() => world.stop())
beforeEach(async () => {
  id = await found(owner)
  await put(world, id, admin, 'admin')
  await put(world, id, member, 'member')
})

const roles = (path = '') => `${BASE}/${id}/roles${path}`
const make = (by: Person, role: Record<string, unknown>) => by.client.post(roles(), role)
const BILLING = {
  name: 'billing',
  description: 'Pays.',
  permissions: ['audit:read', 'members:read'],
  inherits: 'guest',
}

describe('a custom role', () => {
  it('grants its permissions and the inherited ones to members with the role', async () => {
    const made = await make(owner, BILLING)
    expect([made.status, made.data]).toEqual([
      201,
      {
        ...BILLING,
        permissions: [...BILLING.permissions, 'organization:read'],
        effective_permissions: ['audit:read', 'members:read', 'organization:read'],
        is_built_in: false,
      },
    ])
    const listed = (await member.client.get(roles())).data.map((one: { name: string }) => one.name)
    expect(listed).toEqual(['owner', 'admin', 'member', 'guest', 'billing'])
    expect(
      (await owner.client.patch(`${BASE}/${id}/members/${member.id}/role`, { role: 'billing' })).status,
    ).toBe(200)
    expect((await member.client.get(`${BASE}/${id}`)).data).toMatchObject({
      role: 'billing',
      permissions: ['audit:read', 'members:read', 'organization:read'],
    })
    expect((await member.client.get(`${BASE}/${id}/members`)).status).toBe(200)
    expect((await member.client.get(roles())).status).toBe(403)
    const mine = (await member.client.get('/api/v1/users/me/organizations?limit=100')).data
    expect(mine.find((one: { id: string }) => one.id === id)).toMatchObject({
      role: 'billing',
      permissions: ['audit:read', 'members:read', 'organization:read'],
    })
  })

  it('changes for all its members, and earlier tokens are refused', async () => {
    await make(owner, BILLING)
    await put(world, id, member, 'billing')
    await member.client.post('/api/v1/auth/organization', { organization_id: id })
    const { data } = await member.client.post('/api/v1/auth/tokens')
    const bearer = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    expect((await bearer.get('/api/v1/auth/me')).data.organization.permissions).toContain('audit:read')
    const changed = await owner.client.patch(roles('/billing'), { permissions: [], inherits: null })
    expect(changed.data).toMatchObject({ permissions: [], inherits: null, description: 'Pays.' })
    expect((await bearer.get('/api/v1/auth/me')).code).toBe('INVALID_TOKEN')
    expect((await member.client.get(`${BASE}/${id}`)).status).toBe(403)
    // leaving requires no permission
    expect((await member.client.post(`${BASE}/${id}/leave`)).status).toBe(200)
  })

  it('is not deleted while it is in use', async () => {
    await make(owner, BILLING)
    await put(world, id, member, 'billing')
    expect((await owner.client.delete(roles('/billing'))).status).toBe(409)
    await put(world, id, member, 'member')
    expect((await owner.client.delete(roles('/billing'))).status).toBe(200)
    expect((await owner.client.delete(roles('/billing'))).status).toBe(404)
    expect(await eventsOf(world, id)).toEqual([
      'organization.created',
      'organization.role.created',
      'organization.role.deleted',
    ])
  })

  it('is created, changed and deleted within the caller’s permissions, of permissions that exist', async () => {
    await make(owner, { name: 'closer', permissions: ['organization:delete'] })
    const before = await snapshot(world)
    for (const [by, role, status] of [
      [owner, { ...BILLING, name: 'owner' }, 409],
      [owner, { ...BILLING, name: 'closer' }, 409],
      [owner, { ...BILLING, name: 'Bad Name' }, 400],
      [owner, { ...BILLING, permissions: ['*'] }, 400],
      [owner, { ...BILLING, permissions: ['members:*'] }, 400],
      [owner, { ...BILLING, permissions: ['users:read'] }, 400],
      [owner, { ...BILLING, inherits: 'owner' }, 400],
      [owner, { ...BILLING, inherits: 'billing' }, 400],
      [admin, { ...BILLING, permissions: ['organization:transfer'] }, 403],
      [member, BILLING, 403],
      [stranger, BILLING, 404],
    ] as const) {
      const refused = await make(by, role)
      expect([by.email, role, refused.status]).toEqual([by.email, role, status])
    }
    for (const [by, change, status] of [
      [admin, { description: 'mine' }, 403],
      [owner, { permissions: ['nothing:known'] }, 400],
      [stranger, { permissions: [] }, 404],
    ] as const)
      expect([change, (await by.client.patch(roles('/closer'), change)).status]).toEqual([change, status])
    expect((await admin.client.delete(roles('/closer'))).status).toBe(403)
    expect((await owner.client.patch(roles('/admin'), { permissions: [] })).status).toBe(409)
    expect((await owner.client.delete(roles('/owner'))).status).toBe(409)
    expect((await owner.client.patch(roles('/unknown'), { permissions: [] })).status).toBe(404)
    expect(await snapshot(world)).toEqual(before)
  })

  it('cannot escalate: neither by widening the caller’s own role nor by granting a wider one', async () => {
    await make(owner, {
      name: 'keeper',
      permissions: ['roles:write', 'members:update', 'members:read', 'organization:read'],
    })
    await make(owner, { name: 'closer', permissions: ['organization:delete'] })
    await put(world, id, member, 'keeper')
    expect(
      (await member.client.patch(roles('/keeper'), { permissions: ['organization:delete'] })).status,
    ).toBe(403)
    expect((await member.client.patch(roles('/keeper'), { inherits: 'admin' })).status).toBe(403)
    for (const role of ['closer', 'admin', 'owner'])
      expect((await member.client.patch(`${BASE}/${id}/members/${member.id}/role`, { role })).status).toBe(
        403,
      )
  })
})

describe('the active organization', () => {
  it('is switched among the user’s own, under a new session token', async () => {
    const next = await found(stranger, 'Next door')
    const before = new Map(member.client.cookies)
    for (const organization_id of [next, `org_${'0'.repeat(32)}`, 'org_x', '']) {
      const refused = await member.client.post('/api/v1/auth/organization', { organization_id })
      expect([organization_id, refused.status]).toEqual([organization_id, 404])
    }
    const switched = await member.client.post('/api/v1/auth/organization', { organization_id: id })
    expect(switched.data).toMatchObject({
      session: { id: expect.stringMatching(/^ses_/), csrf_token: expect.any(String) },
      token: expect.stringMatching(/^st_/),
      organization: {
        id,
        name: 'Analytical Engines',
        role: 'member',
        permissions: expect.arrayContaining(['members:read']),
      },
    })
    const old = world.client()
    for (const [name, value] of before) old.cookies.set(name, value)
    expect((await old.get('/api/v1/auth/me')).status).toBe(401)
    expect((await member.client.get('/api/v1/auth/me')).data.organization.id).toBe(id)
    const none = await member.client.post('/api/v1/auth/organization', { organization_id: null })
    expect(none.data.organization).toBeNull()
    expect((await member.client.get('/api/v1/auth/me')).data.organization).toBeNull()
  })

  it('is set at sign-in for a user with one organization', async () => {
    const person = await world.person()
    await put(world, id, person, 'guest')
    const client = world.client()
    await client.signIn(person.email, PASSWORD)
    expect((await client.get('/api/v1/auth/me')).data.organization).toMatchObject({ id, role: 'guest' })
  })

  it('gives no session token to a caller with an access token', async () => {
    const signedIn = (await world.client().signIn('member@example.com', PASSWORD, { tokens: true })).data
    const bearer = world.client({ headers: { authorization: `Bearer ${signedIn.access_token}` } })
    const switched = await bearer.post('/api/v1/auth/organization', { organization_id: id })
    expect(switched.data).toEqual({ organization: expect.objectContaining({ id }) })
    expect(switched.headers.getSetCookie()).toEqual([])
    const session = world.client({ headers: { authorization: `Bearer ${signedIn.token}` } })
    expect((await session.get('/api/v1/auth/me')).data.organization.id).toBe(id)
  })

  it('is seen by a guard: immediately with a session, after the next refresh with a token', async () => {
    const method = latchkey({ issuer: world.config.publicUrl, url: world.url, revocation: 'none' })
    const guard: Guard = createGuard({
      methods: [method],
      now: () => world.clock.now().getTime(),
      onProblem: () => {},
    })
    try {
      const seen = async (token: string) => {
        const handler = guard.web(() => {
          const principal = currentPrincipal()
          return Response.json([
            principal?.organizationId,
            principal?.organizationRole,
            principal?.organizationPermissions,
          ])
        })
        const headers = { authorization: `Bearer ${token}` }
        return (await handler(new Request('http://app.test/', { headers }))).json()
      }
      const second = await found(owner, 'Second')
      await put(world, second, member, 'guest')
      const client = world.client()
      const { data } = await client.signIn('member@example.com', PASSWORD, { tokens: true })
      let refresh = data.refresh_token
      for (const [organization, role, permission] of [
        [id, 'member', 'members:read'],
        [second, 'guest', 'organization:read'],
      ] as const) {
        const switched = await client.post('/api/v1/auth/organization', { organization_id: organization })
        const renewed = (await world.client().post('/api/v1/auth/refresh', { refresh_token: refresh })).data
        refresh = renewed.refresh_token
        for (const token of [switched.data.token, renewed.access_token])
          expect(await seen(token)).toEqual([organization, role, expect.arrayContaining([permission])])
      }
      await client.post('/api/v1/auth/organization', { organization_id: null })
      const none = (await world.client().post('/api/v1/auth/refresh', { refresh_token: refresh })).data
      expect(await seen(none.access_token)).toEqual([null, null, []])
    } finally {
      guard.close()
    }
  })
})
