/** The life cycle of an organization, from creation to purge, and its isolation. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import {
  BASE,
  eventsOf,
  found,
  put,
  rolesIn,
  setServerRoles,
  snapshot,
  withServerPermissions,
} from './organizations/founding.ts'

let world: World
let ada: Person
let ben: Person
let cyd: Person
let stranger: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com' })
  ben = await world.person({ email: 'ben@example.com' })
  cyd = await world.person({ email: 'cyd@example.com' })
  stranger = await world.person({ email: 'stranger@example.com' })
})
afterAll(() => world.stop())

describe('creating an organization', () => {
  it('makes the creator its owner, and it the session’s active organization', async () => {
    const made = await ada.client.post(BASE, { name: '  Ärzte &  Söhne ' })
    expect(made.status).toBe(201)
    expect(made.data).toMatchObject({
      name: 'Ärzte & Söhne',
      slug: 'arzte-sohne',
      role: 'owner',
      permissions: ['*'],
      is_active: true,
      deleted_at: null,
    })
    expect((await ada.client.get('/api/v1/auth/me')).data.organization).toEqual({
      id: made.data.id,
      name: 'Ärzte & Söhne',
      slug: 'arzte-sohne',
      role: 'owner',
      permissions: ['*'],
    })
    expect(await eventsOf(world, made.data.id)).toEqual(['organization.created'])
    expect(await rolesIn(world, made.data.id)).toEqual({ [ada.id]: 'owner' })
  })

  it('derives another slug if the derived one is taken, and refuses a given slug that is taken', async () => {
    const first = await ada.client.post(BASE, { name: 'Twice' })
    const second = await ben.client.post(BASE, { name: 'Twice' })
    expect(first.data.slug).toBe('twice')
    expect(second.data.slug).toMatch(/^twice-[a-z0-9]{6}$/)
    const before = await snapshot(world)
    const taken = await ben.client.post(BASE, { name: 'Other', slug: 'twice' })
    expect(taken.status).toBe(409)
    expect(taken.body.error.details).toEqual({ field: 'slug' })
    expect(await snapshot(world)).toEqual(before)
  })

  it('gives a slug to one of many concurrent requests', async () => {
    const clients = [ada, ben, cyd, stranger].map(({ client }) => client)
    const replies = await Promise.all(
      clients.map((client) => client.post(BASE, { name: 'Race', slug: 'race' })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
  })

  it.each([
    ['nothing', ''],
    ['spaces', ' \u00a0 '],
    ['invisible characters', '\u200b\u200b'],
    ['a direction override', 'abc\u202egnp.exe'],
    ['an isolate', '\u2066abc'],
    ['a control character', 'a\u0007b'],
    ['a URL', 'Win at https://evil.example'],
    ['more than a hundred characters', 'x'.repeat(101)],
  ])('refuses a name of %s', async (_, name) => {
    const refused = await ada.client.post(BASE, { name })
    expect(refused.status).toBe(400)
  })

  it.each(['=cmd|calc!A0', '<b>bold</b>', '日本電気', '👩‍🚀 crew'])(
    'accepts the name %s as text',
    async (name) => {
      const made = await cyd.client.post(BASE, { name })
      expect(made.data?.name).toBe(name)
      expect(made.data.slug).toMatch(/^[a-z0-9][a-z0-9-]*[a-z0-9]$/)
    },
  )

  it('refuses fields that it does not declare', async () => {
    const refused = await cyd.client.send(
      'POST',
      BASE,
      '{"name":"Plain","id":"org_00000000000000000000000000000000","owner_id":"x","role":"guest","deleted_at":"2020-01-01T00:00:00Z"}',
      { headers: { 'content-type': 'application/json' } },
    )
    expect(refused.body.error.details.map(({ field }: { field: string }) => field)).toEqual([
      'id',
      'owner_id',
      'role',
      'deleted_at',
    ])
    const polluted = await cyd.client.send('POST', BASE, '{"name":"Plain","__proto__":{"role":"x"}}', {
      headers: { 'content-type': 'application/json' },
    })
    expect([201, 400]).toContain(polluted.status)
    expect(({} as { role?: string }).role).toBeUndefined()
  })

  it('is for administrators alone, if so configured', async () => {
    const closed = await startWorld({ organizationCreation: 'administrators' })
    try {
      const person = await closed.person()
      const refused = await person.client.post(BASE, { name: 'Mine' })
      expect([refused.status, refused.body.error.details]).toEqual([403, { required: 'organizations:write' }])
      await setServerRoles(closed, person, ['super_admin'])
      expect((await person.client.post(BASE, { name: 'Mine' })).status).toBe(201)
    } finally {
      await closed.stop()
    }
  })
})

describe('an organization', () => {
  it('is not found by users who are not members', async () => {
    const id = await found(ada, 'Walls')
    await put(world, id, ben, 'guest')
    expect((await ben.client.get(`${BASE}/${id}`)).data).toMatchObject({
      id,
      role: 'guest',
      permissions: ['organization:read'],
    })
    const before = await snapshot(world)
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { name: 'Taken over' }],
      ['DELETE', '', undefined],
      ['POST', '/restore', {}],
      ['POST', '/leave', {}],
      ['POST', '/transfer', { user_id: stranger.id }],
      ['GET', '/members', undefined],
      ['PATCH', `/members/${ben.id}/role`, { role: 'owner' }],
      ['DELETE', `/members/${ben.id}`, undefined],
      ['GET', '/invitations', undefined],
      ['POST', '/invitations', { email: 'stranger@example.com', role: 'owner' }],
      ['GET', '/roles', undefined],
      ['POST', '/roles', { name: 'spy', permissions: [] }],
      ['PATCH', '/roles/spy', { permissions: [] }],
      ['DELETE', '/roles/spy', undefined],
    ] as const) {
      const reply = await stranger.client.send(method, `${BASE}/${id}${path}`, body)
      expect([method, path, reply.status, reply.code]).toEqual([method, path, 404, 'NOT_FOUND'])
    }
    expect(await snapshot(world)).toEqual(before)
  })

  it('is changed by members with the permission, in the declared fields', async () => {
    const id = await found(ada, 'Old name')
    await put(world, id, ben, 'admin')
    await put(world, id, cyd, 'member')
    const fields = { name: 'New name', slug: 'new-name' }
    const undeclared = await ben.client.patch(`${BASE}/${id}`, { ...fields, deleted_at: 'now' })
    expect([undeclared.status, undeclared.code]).toEqual([400, 'VALIDATION_ERROR'])
    const changed = await ben.client.patch(`${BASE}/${id}`, fields)
    expect(changed.data).toMatchObject({ name: 'New name', slug: 'new-name', deleted_at: null })
    const refused = await cyd.client.patch(`${BASE}/${id}`, { name: 'Mine' })
    expect([refused.status, refused.body.error.details.required]).toEqual([403, 'organization:update'])
    expect((await ben.client.patch(`${BASE}/${id}`, { slug: 'twice' })).status).toBe(409)
    expect((await ben.client.patch(`${BASE}/${id}`, {})).data).toMatchObject({ name: 'New name' })
    expect(await eventsOf(world, id)).toEqual(['organization.created', 'organization.updated'])
  })

  it('is inaccessible once deleted, its owners are notified, and a restore brings everything back', async () => {
    const id = await found(ada, 'Phoenix')
    await put(world, id, ben, 'admin')
    await ben.client.post('/api/v1/auth/organization', { organization_id: id })
    expect((await ben.client.delete(`${BASE}/${id}`)).status).toBe(403)
    const deleted = await ada.client.delete(`${BASE}/${id}`)
    expect(deleted.status).toBe(200)
    const email = await world.mailbox.emailTo('ada@example.com', /was deleted/)
    expect(email.subject).not.toContain('Phoenix')
    expect(email.text).toContain('Phoenix')
    for (const { client } of [ada, ben]) {
      expect((await client.get(`${BASE}/${id}`)).status).toBe(404)
      expect((await client.get(`${BASE}/${id}/members`)).status).toBe(404)
      expect((await client.get('/api/v1/auth/me')).data.organization).toBeNull()
      expect((await client.post('/api/v1/auth/organization', { organization_id: id })).status).toBe(404)
    }
    const mine = (await ada.client.get('/api/v1/users/me/organizations?limit=100')).data
    expect(mine.find((one: { id: string }) => one.id === id)).toMatchObject({
      deleted_at: expect.any(String),
      purge_at: deleted.data.purge_at,
      is_active: false,
    })
    const bens = (await ben.client.get('/api/v1/users/me/organizations?limit=100')).data
    expect(bens.find((one: { id: string }) => one.id === id)).toBeUndefined()
    expect((await cyd.client.post(BASE, { name: 'x', slug: 'phoenix' })).status).toBe(409)
    expect((await ben.client.post(`${BASE}/${id}/restore`)).status).toBe(404)
    expect((await stranger.client.post(`${BASE}/${id}/restore`)).status).toBe(404)
    const restored = await ada.client.post(`${BASE}/${id}/restore`)
    expect(restored.data).toMatchObject({ deleted_at: null, purge_at: null })
    expect((await ada.client.post(`${BASE}/${id}/restore`)).status).toBe(409)
    expect((await ben.client.get('/api/v1/auth/me')).data.organization).toMatchObject({ id, role: 'admin' })
    expect(await eventsOf(world, id)).toEqual([
      'organization.created',
      'organization.switched',
      'organization.deleted',
      'organization.restored',
    ])
  })

  it('requires a recent sign-in to be deleted or transferred', async () => {
    const late = await startWorld()
    try {
      const [owner, successor] = [await late.person(), await late.person()]
      const id = await found(owner)
      await put(late, id, successor, 'member')
      await late.clock.advance('11 minutes')
      expect((await owner.client.delete(`${BASE}/${id}`)).code).toBe('STEP_UP_REQUIRED')
      expect((await owner.client.post(`${BASE}/${id}/transfer`, { user_id: successor.id })).code).toBe(
        'STEP_UP_REQUIRED',
      )
      // switching the active organization does not renew the proof of identity
      await owner.client.post('/api/v1/auth/organization', { organization_id: null })
      expect((await owner.client.delete(`${BASE}/${id}`)).code).toBe('STEP_UP_REQUIRED')
    } finally {
      await late.stop()
    }
  })

  it('is purged after its grace period, and its slug is free again', async () => {
    const late = await startWorld()
    try {
      const owner = await late.person({ email: 'owner@example.com' })
      const id = await found(owner, 'Short lived')
      await owner.client.post(`${BASE}/${id}/invitations`, { email: 'new@example.com' })
      await owner.client.apiKey()
      await owner.client.delete(`${BASE}/${id}`)
      await late.clock.advance('29 days')
      await owner.client.signIn('owner@example.com', owner.password)
      expect((await owner.client.get('/api/v1/users/me/organizations')).data).toHaveLength(1)
      await late.clock.advance('2 days')
      await owner.client.signIn('owner@example.com', owner.password)
      expect((await owner.client.get('/api/v1/users/me/organizations')).data).toEqual([])
      expect((await owner.client.post(`${BASE}/${id}/restore`)).status).toBe(404)
      expect(await eventsOf(late, id)).toContain('organization.purged')
      expect((await owner.client.post(BASE, { name: 'Short lived' })).data.slug).toBe('short-lived')
    } finally {
      await late.stop()
    }
  })
})

describe('the description and the logo', () => {
  it('are kept, shown, changed and cleared, by owners and admins only', async () => {
    const logo_url = 'https://cdn.example.com/logo.png?v=2'
    const made = await ada.client.post(BASE, { name: 'Described', description: ' Two\r\nlines ', logo_url })
    expect(made.data).toMatchObject({ description: 'Two\nlines', logo_url })
    const path = `${BASE}/${made.data.id}`
    expect((await ada.client.get(path)).data).toMatchObject({ description: 'Two\nlines', logo_url })
    expect((await ada.client.patch(path, { description: 'Other' })).data).toMatchObject({
      description: 'Other',
      logo_url,
    })
    expect((await ada.client.patch(path, { logo_url: null })).data).toMatchObject({
      description: 'Other',
      logo_url: null,
    })
    const stranger = await world.person()
    expect((await stranger.client.patch(path, { description: 'x' })).status).toBe(404)
    for (const [field, value] of [
      ['description', 'x'.repeat(501)],
      ['logo_url', 'http://cdn.example.com/a.png'],
      ['logo_url', 'javascript:alert(1)'],
      ['logo_url', 'https://user:pw@cdn.example.com/'],
      ['logo_url', `https://cdn.example.com/${'a'.repeat(2048)}`],
    ] as const) {
      const refused = await ada.client.patch(path, { [field]: value })
      expect([field, refused.status, refused.body.error.details[0].field]).toEqual([field, 400, field])
    }
  })
})

describe('permissions of the server and of organizations', () => {
  it('are independent of each other', async () => {
    const id = await found(ada, 'Apart')
    const clerk = await world.person()
    await withServerPermissions(world, clerk, [
      'members:*',
      'organization:*',
      'invitations:*',
      'roles:*',
      'users:*',
    ])
    for (const path of ['', '/members', '/invitations', '/roles'])
      expect([path, (await clerk.client.get(`${BASE}/${id}${path}`)).status]).toEqual([path, 404])
    expect((await ada.client.get('/api/v1/auth/me')).data.organization.permissions).toEqual(['*'])
    expect((await ada.client.get(BASE)).status).toBe(403)
    expect((await ada.client.get('/api/v1/users')).status).toBe(403)
    expect((await ada.client.post(`${BASE}/${id}/members`, { user_id: ben.id, role: 'member' })).code).toBe(
      'INSUFFICIENT_PERMISSIONS',
    )
  })

  it('let server administrators read every organization, or act as an owner', async () => {
    const id = await found(ada, 'Looked after')
    const [reader, keeper] = [await world.person(), await world.person()]
    await withServerPermissions(world, reader, ['organizations:read'])
    await withServerPermissions(world, keeper, ['organizations:write', 'organizations:read'])
    expect((await reader.client.get(`${BASE}/${id}`)).data).toMatchObject({ id, role: null })
    expect((await reader.client.get(`${BASE}/${id}/members`)).data).toHaveLength(1)
    expect((await reader.client.patch(`${BASE}/${id}`, { name: 'Mine' })).status).toBe(403)
    const added = await keeper.client.post(`${BASE}/${id}/members`, { user_id: ben.id, role: 'owner' })
    expect(added.data).toMatchObject({ user: { id: ben.id, email: 'ben@example.com' }, role: 'owner' })
    expect(
      (await keeper.client.post(`${BASE}/${id}/members`, { user_id: ben.id, role: 'guest' })).status,
    ).toBe(409)
    const missing = await keeper.client.post(`${BASE}/${id}/members`, {
      user_id: `usr_${'0'.repeat(32)}`,
      role: 'guest',
    })
    expect(missing.status).toBe(404)
    const unknown = await keeper.client.post(`${BASE}/${id}/members`, { user_id: cyd.id, role: 'emperor' })
    expect([unknown.status, unknown.body.error.details[0].field]).toEqual([400, 'role'])
    // acting in an organization requires membership
    expect((await keeper.client.post('/api/v1/auth/organization', { organization_id: id })).status).toBe(404)
  })

  it('list every organization by a prefix of name or slug, paginated', async () => {
    const reader = await world.person()
    await withServerPermissions(world, reader, ['organizations:read'])
    const ids: string[] = []
    for (const name of ['Zebra one', 'ZEBRA two', 'zebra%three']) ids.push(await found(cyd, name))
    expect((await reader.client.get(`${BASE}?search=ZEB`)).data.map((one: { id: string }) => one.id)).toEqual(
      ids,
    )
    expect(
      (await reader.client.get(`${BASE}?search=zebra%25`)).data.map((one: { id: string }) => one.id),
    ).toEqual([ids[2]])
    expect((await reader.client.get(`${BASE}?search=zebra-o`)).data).toHaveLength(1)
    expect((await reader.client.get(`${BASE}?search=%25`)).data).toEqual([])
    const first = await reader.client.get(`${BASE}?search=zebra&limit=2`)
    const cursor = encodeURIComponent(first.body.metadata.next_cursor)
    const second = await reader.client.get(`${BASE}?search=zebra&limit=2&cursor=${cursor}`)
    expect([...first.data, ...second.data].map((one: { id: string }) => one.id)).toEqual(ids)
    expect(second.body.metadata.next_cursor).toBeNull()
    for (const path of [
      `${BASE}?cursor=${cursor}`,
      `${BASE}?search=other&cursor=${cursor}`,
      `${BASE}?cursor=garbage`,
    ]) {
      const refused = await reader.client.get(path)
      expect([path, refused.status, refused.body.error.details[0].field]).toEqual([path, 400, 'cursor'])
    }
  })
})
