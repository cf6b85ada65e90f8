/** Boundaries between tenants: API keys in organizations, audit logs, verification by administrators, locked owners. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import {
  accept,
  BASE,
  eventsOf,
  found,
  invited,
  put,
  setServerRoles,
  snapshot,
} from './organizations/founding.ts'

let world: World
let owner: Person
let ben: Person
let root: Person
let manager: Person
let id: string
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  root = await world.person({ email: 'root@example.com' })
  await setServerRoles(world, root, ['super_admin'])
  manager = await world.person({ email: 'manager@example.com' })
  await setServerRoles(world, manager, ['manager'])
  owner = await world.person({ email: 'owner@example.com' })
  ben = await world.person({ email: 'ben@example.com' })
})
afterAll(() => world.stop())
beforeEach(async () => {
  id = await found(owner)
})

const log = (by: World['client'] extends () => infer C ? C : never, organization = id) =>
  by.get(`${BASE}/${organization}/audit-logs`)

describe('an API key inside organizations', () => {
  const keyOf = async (person: Person, permissions = ['*']) =>
    (await person.client.apiKey({ permissions })).client

  it('has only the permissions that it was given', async () => {
    expect((await log(owner.client)).status).toBe(200)
    expect((await log(await keyOf(owner, ['dashboard:read']))).code).toBe('INSUFFICIENT_PERMISSIONS')
    expect((await log(await keyOf(owner, ['audit:read']))).status).toBe(200)
  })

  it('acts in the organization of the key it replaces, and in none after its owner leaves, who cannot replace it then', async () => {
    await put(world, id, ben, 'admin')
    await ben.client.post('/api/v1/auth/organization', { organization_id: id })
    const first = await ben.client.apiKey()
    await ben.client.post('/api/v1/auth/organization', { organization_id: null })
    const { status, data: second } = await ben.client.post(`/api/v1/auth/api-keys/${first.id}/rotate`)
    expect(status).toBe(201)
    const key = world.client({ headers: { 'x-api-key': second.api_key } })
    expect((await log(key)).status).toBe(200)
    await ben.client.post(`${BASE}/${id}/leave`)
    expect((await log(key)).status).toBe(404)
    expect((await key.get('/api/v1/auth/validate')).data.organization_id).toBeNull()
    expect((await ben.client.post(`/api/v1/auth/api-keys/${second.key_id}/rotate`)).status).toBe(409)
  })

  it('has no permissions in an organization other than its own', async () => {
    const key = await keyOf(owner)
    expect((await log(key)).status).toBe(200)
    const other = await found(owner, 'Another')
    expect((await log(owner.client, other)).status).toBe(200)
    expect((await log(key, other)).status).toBe(404)
  })
})

describe('the log of an organization', () => {
  it('has no events of a member’s actions on the server', async () => {
    await put(world, id, root, 'member')
    await root.client.post('/api/v1/auth/organization', { organization_id: id })
    const changed = await root.client.send('PUT', `/api/v1/users/${ben.id}/roles`, { roles: ['staff'] })
    expect(changed.status).toBe(200)
    await root.client.post('/api/v1/roles', { name: `r${id.slice(-8)}`, permissions: ['a:b'] })
    await root.client.post('/api/v1/permissions', { name: `p${id.slice(-8)}:x` })
    const { data } = await log(owner.client)
    expect(data.map((event: { event_type: string }) => event.event_type).sort()).toEqual([
      'organization.created',
      'organization.switched',
    ])
  })

  it('does not disclose who declined, nor the organization that a member switches from', async () => {
    const one = await invited(world, owner, id, 'invited@example.com')
    const declined = await ben.client.post('/api/v1/invitations/decline', { token: one.token })
    expect(declined.status).toBe(200)
    await put(world, id, ben, 'member')
    const other = await found(ben, 'Elsewhere')
    await ben.client.post('/api/v1/auth/organization', { organization_id: id })
    const { data, text } = await log(owner.client)
    const event = data.find((one: { event_type: string }) => /declined/.test(one.event_type))
    expect(event).toMatchObject({ user_id: null, username: null, ip_address: null, session_id: null })
    expect(text).not.toContain(other)
  })
})

describe('an administrator of users', () => {
  it('cannot verify or change addresses in organizations that the administrator may not administer', async () => {
    const address = 'boss@corp.example'
    await invited(world, owner, id, address, 'admin')
    const before = await snapshot(world)
    const user = { email: address, password: 'correct horse battery staple' }
    const refused = await manager.client.post('/api/v1/users', { ...user, is_verified: true })
    expect([refused.status, refused.body.error.details.reason]).toEqual([403, 'of_an_organization'])
    for (const change of [{ email: 'mine@example.com' }, { is_verified: true }])
      expect((await manager.client.patch(`/api/v1/users/${owner.id}`, change)).status).toBe(403)
    expect(await snapshot(world)).toEqual(before)
    expect((await manager.client.patch(`/api/v1/users/${owner.id}`, { full_name: 'O' })).status).toBe(200)
    expect((await manager.client.post('/api/v1/users', { ...user, is_verified: false })).status).toBe(201)
    expect((await root.client.patch(`/api/v1/users/${owner.id}`, { is_verified: true })).status).toBe(200)
  })
})

describe('an owner who cannot act', () => {
  it('does not count: the last active owner stays, and an inactive user cannot become one', async () => {
    const second = await world.person()
    await put(world, id, second, 'owner')
    await root.client.post(`/api/v1/users/${second.id}/disable`)
    expect((await owner.client.post(`${BASE}/${id}/leave`)).body.error.details.reason).toBe('last_owner')
    await put(world, id, second, 'member')
    const changed = await owner.client.patch(`${BASE}/${id}/members/${second.id}/role`, { role: 'owner' })
    expect([changed.status, changed.body.error.details.reason]).toEqual([409, 'not_active'])
    const transferred = await owner.client.post(`${BASE}/${id}/transfer`, { user_id: second.id })
    expect(transferred.body.error.details.reason).toBe('not_active')
  })

  it('cannot have an invitation accepted while locked', async () => {
    const second = await world.person()
    await put(world, id, second, 'admin')
    const guest = await world.person()
    const one = await invited(world, second, id, guest.email)
    await root.client.post(`/api/v1/users/${second.id}/lock`)
    expect((await accept(guest.client, one.token)).status).toBe(404)
    await root.client.post(`/api/v1/users/${second.id}/unlock`)
    expect((await accept(guest.client, one.token)).status).toBe(200)
  })
})

describe('a custom role of an organization', () => {
  const make = (name: string, permissions: string[]) =>
    owner.client.post(`${BASE}/${id}/roles`, { name, permissions })

  it('that may change a resource may also read it', async () => {
    expect((await make('closer', ['organization:delete'])).data.permissions).toEqual([
      'organization:delete',
      'organization:read',
    ])
    const closer = await world.person()
    await put(world, id, closer, 'closer')
    expect((await closer.client.delete(`${BASE}/${id}`)).status).toBe(200)
    expect((await owner.client.post(`${BASE}/${id}/restore`)).status).toBe(200)
  })

  it('is not deleted while an invitation to it is open', async () => {
    await make('helper', ['members:read'])
    const one = await invited(world, owner, id, 'helper@example.com', 'helper')
    expect((await owner.client.delete(`${BASE}/${id}/roles/helper`)).status).toBe(409)
    await owner.client.delete(`${BASE}/${id}/invitations/${one.id}`)
    expect((await owner.client.delete(`${BASE}/${id}/roles/helper`)).status).toBe(200)
  })

  it('loses a permission that is deleted from the catalogue', async () => {
    await root.client.post('/api/v1/permissions', { name: 'invoices:pay', organization_roles: ['owner'] })
    expect((await make('payer', ['invoices:pay'])).status).toBe(201)
    expect((await root.client.delete('/api/v1/permissions/invoices:pay')).status).toBe(200)
    const { data } = await owner.client.get(`${BASE}/${id}/roles`)
    const payer = data.find((role: { name: string }) => role.name === 'payer')
    expect(payer).toMatchObject({ permissions: ['organization:read'] })
    expect(JSON.stringify(payer)).not.toContain('invoices')
  })
})

describe('e-mails of invitations', () => {
  it('to one address are limited over all organizations', async () => {
    const statuses: number[] = []
    for (let n = 0; n < 4; n++) {
      const one = await found(owner, `Organization ${n}`)
      for (let again = 0; again < 4; again++) {
        const sent = await owner.client.post(`${BASE}/${one}/invitations`, {
          email: 'flooded@example.com',
          role: 'guest',
        })
        statuses.push(sent.status)
      }
    }
    expect(statuses.filter((status) => status === 201)).toHaveLength(10)
    expect(new Set(statuses.slice(10))).toEqual(new Set([429]))
  })

  it('do not contain a name that a mail program would turn into a link', async () => {
    const one = await found(owner, 'claim at evil.example now')
    await owner.client.post(`${BASE}/${one}/invitations`, { email: 'named@example.com', role: 'guest' })
    await world.app.settle()
    const email = await world.mailbox.emailTo('named@example.com')
    expect(email.text).not.toContain('evil.example')
    expect(email.text).toContain('invites you to an organization')
  })
})

describe('a change of role in one organization', () => {
  it('revokes the tokens of that organization, and no others', async () => {
    await put(world, id, ben, 'member')
    const tokens = async (organization: string | null) => {
      await ben.client.post('/api/v1/auth/organization', { organization_id: organization })
      const { data } = await ben.client.post('/api/v1/auth/tokens')
      return world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    }
    const inside = await tokens(id)
    const outside = await tokens(null)
    const statusOf = async (client: typeof inside) => (await client.get('/api/v1/auth/validate')).status
    expect([await statusOf(inside), await statusOf(outside)]).toEqual([200, 200])
    for (let n = 0; n < 10; n++)
      await owner.client.patch(`${BASE}/${id}/members/${ben.id}/role`, { role: n % 2 ? 'member' : 'guest' })
    expect([await statusOf(inside), await statusOf(outside)]).toEqual([401, 200])
    expect((await eventsOf(world, id)).filter((type) => type.endsWith('role_changed'))).toHaveLength(10)
  })
})
