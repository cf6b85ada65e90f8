/** Roles through the API: made, changed, deleted; circles, names, hostile input. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { everything, giveRoles, holderOf, lastEvent } from '../../../../../../tests/permissions/people.ts'
import type { Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let root: Person
beforeAll(async () => {
  world = await startWorld()
  root = await holderOf(world, 'super_admin')
  for (const role of [
    { name: 'helper', permissions: ['things:read'] },
    { name: 'empty' },
    { name: 'strong', permissions: ['audit:read'] },
    { name: 'delegate', grants: ['strong'] },
    {
      name: 'keeper',
      permissions: ['users:read', 'users:grant', 'roles:read', 'roles:write', 'things:*'],
      inherits: ['viewer'],
      grants: ['viewer', 'helper', 'empty', 'delegate'],
    },
  ])
    expect((await root.client.post('/api/v1/roles', role)).status).toBe(201)
})
afterAll(() => world.stop())

const refusal = ({ status, code, body }: Reply) => ({ status, code, details: body.error?.details })
const field = ({ body }: Reply) =>
  body.error?.details?.map((one: { field: string; code: string }) => `${one.field}: ${one.code}`)

describe('a role', () => {
  it('is created, shown, listed, changed and deleted, and each change is audited', async () => {
    const made = await root.client.post('/api/v1/roles', {
      name: 'librarian',
      description: '  Lends books ',
      permissions: ['books:write', 'books:read', 'books:read'],
      inherits: ['staff'],
      grants: ['viewer'],
      rank: 7,
    })
    expect(made.status).toBe(201)
    expect(made.data).toEqual({
      name: 'librarian',
      description: 'Lends books',
      permissions: ['books:read', 'books:write'],
      inherits: ['staff'],
      grants: ['viewer'],
      rank: 7,
      effective_permissions: [
        'analytics:read',
        'books:read',
        'books:write',
        'chat:*',
        'concerns:*',
        'dashboard:read',
      ],
      requires_mfa: false,
      preset: null,
      created_at: expect.stringMatching(/^2030-/),
      updated_at: made.data.created_at,
    })
    expect(await lastEvent(world, 'role.created')).toMatchObject({
      user_id: root.id,
      details: { role: 'librarian', to: { permissions: ['books:read', 'books:write'] } },
    })
    expect((await root.client.get('/api/v1/roles/librarian')).data).toEqual(made.data)
    const { data: all } = await root.client.get('/api/v1/roles')
    expect(all.find((one: { name: string }) => one.name === 'librarian')).toEqual(made.data)
    const changed = await root.client.patch('/api/v1/roles/librarian', { permissions: ['books:*'], rank: 7 })
    expect(changed.data).toMatchObject({
      permissions: ['books:*'],
      inherits: ['staff'],
      description: 'Lends books',
    })
    expect((await lastEvent(world, 'role.updated')).details).toEqual({
      role: 'librarian',
      from: { permissions: ['books:read', 'books:write'] },
      to: { permissions: ['books:*'] },
    })
    expect((await root.client.delete('/api/v1/roles/librarian')).status).toBe(200)
    expect((await lastEvent(world, 'role.deleted')).details.role).toBe('librarian')
    expect((await root.client.get('/api/v1/roles/librarian')).code).toBe('NOT_FOUND')
    expect((await root.client.patch('/api/v1/roles/librarian', { rank: 1 })).code).toBe('NOT_FOUND')
    expect((await root.client.delete('/api/v1/roles/librarian')).code).toBe('NOT_FOUND')
  })

  it('that is changed to the same values writes nothing', async () => {
    const before = await world.events()
    expect((await root.client.patch('/api/v1/roles/helper', { permissions: ['things:read'] })).status).toBe(
      200,
    )
    expect(await world.events()).toEqual(before)
  })

  it('inherits and grants existing roles only', async () => {
    expect(field(await root.client.post('/api/v1/roles', { name: 'x', inherits: ['emperor'] }))).toEqual([
      'inherits: unknown_role',
    ])
    expect(field(await root.client.patch('/api/v1/roles/helper', { grants: ['emperor'] }))).toEqual([
      'grants: unknown_role',
    ])
  })

  it('never inherits itself, directly or through others', async () => {
    await root.client.post('/api/v1/roles', { name: 'one' })
    await root.client.post('/api/v1/roles', { name: 'two', inherits: ['one'] })
    await root.client.post('/api/v1/roles', { name: 'three', inherits: ['two'] })
    for (const [name, inherits] of [
      ['one', ['one']],
      ['one', ['two']],
      ['one', ['three']],
      ['viewer', ['super_admin']],
    ] as const)
      expect(field(await root.client.patch(`/api/v1/roles/${name}`, { inherits }))).toEqual([
        'inherits: circular',
      ])
    expect(field(await root.client.post('/api/v1/roles', { name: 'self', inherits: ['self'] }))).toEqual([
      'inherits: circular',
    ])
  })

  it('never forms a cycle by two concurrent changes', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = [`left_${round}`, `right_${round}`]
      for (const name of [a, b]) await root.client.post('/api/v1/roles', { name })
      const done = await Promise.all([
        root.client.patch(`/api/v1/roles/${a}`, { inherits: [b] }),
        root.client.patch(`/api/v1/roles/${b}`, { inherits: [a] }),
      ])
      expect(done.map(({ status }) => status).sort()).toEqual([200, 400])
    }
  })

  it('has a unique name, and none that another preset would make powerful', async () => {
    for (const name of ['helper', 'super_admin', 'admin', 'client', 'employee', 'user'])
      expect(refusal(await root.client.post('/api/v1/roles', { name }))).toMatchObject({
        status: 409,
        details: { field: 'name' },
      })
    const both = await Promise.all(
      [1, 2, 3].map(() => root.client.post('/api/v1/roles', { name: 'at_once' })),
    )
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409, 409])
  })

  it('at the top of a preset is neither changed nor deleted by any caller', async () => {
    const before = await everything(world)
    for (const reply of [
      await root.client.patch('/api/v1/roles/super_admin', { permissions: [] }),
      await root.client.patch('/api/v1/roles/super_admin', { description: 'x' }),
      await root.client.delete('/api/v1/roles/super_admin'),
    ])
      expect(refusal(reply)).toEqual({ status: 409, code: 'CONFLICT', details: { reason: 'admin_role' } })
    expect(await everything(world)).toEqual(before)
  })

  it('that is in use is not deleted: held, inherited, or everybody’s first', async () => {
    await root.client.post('/api/v1/roles', { name: 'held' })
    const holder = await holderOf(world, 'held')
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ status: 'disabled' }).where('id', '=', holder.id).execute(),
    )
    const reasons = await Promise.all(
      ['held', 'staff', 'viewer'].map(async (name) => {
        const reply = await root.client.delete(`/api/v1/roles/${name}`)
        return [reply.status, reply.body.error.details.reason]
      }),
    )
    expect(reasons).toEqual([
      [409, 'held'],
      [409, 'inherited'],
      [409, 'default'],
    ])
  })

  it('is not granted while it is deleted', async () => {
    for (let round = 0; round < 10; round++) {
      const name = `brief_${round}`
      await root.client.post('/api/v1/roles', { name })
      const person = await holderOf(world)
      const [gave, deleted] = await Promise.all([
        giveRoles(root.client, person, [name]),
        root.client.delete(`/api/v1/roles/${name}`),
      ])
      expect([gave.status, deleted.status]).toEqual(gave.status === 200 ? [200, 409] : [400, 200])
    }
  })

  it('that was deleted is granted by no role, even if one of its name is created again', async () => {
    await root.client.post('/api/v1/roles', { name: 'passing' })
    await root.client.post('/api/v1/roles', { name: 'granter', grants: ['passing', 'viewer'] })
    await root.client.delete('/api/v1/roles/passing')
    expect((await root.client.get('/api/v1/roles/granter')).data.grants).toEqual(['viewer'])
  })

  it('accepts only fields that can be changed', async () => {
    const fields = { name: 'plain', rank: 50 }
    const others = { preset: 'ladder', created_at: '2001-01-01T00:00:00Z', effective_permissions: ['*'] }
    const undeclared = await root.client.post('/api/v1/roles', { ...fields, ...others })
    expect(undeclared.body.error.details.map(({ field }: { field: string }) => field)).toEqual(
      Object.keys(others),
    )
    const { data } = await root.client.post('/api/v1/roles', fields)
    expect(data).toMatchObject({
      preset: null,
      created_at: expect.stringMatching(/^2030-/),
      effective_permissions: [],
    })
    for (const body of [
      { preset: 'ladder', created_at: '2001-01-01T00:00:00Z', name: 'renamed', holders: 3 },
      { updated_at: '2001-01-01T00:00:00Z' },
    ]) {
      const { body: refused } = await root.client.patch('/api/v1/roles/plain', body)
      expect(refused.error.details.map(({ field }: { field: string }) => field)).toEqual(Object.keys(body))
    }
    expect((await root.client.get('/api/v1/roles/plain')).data).toMatchObject({ name: 'plain', preset: null })
    expect((await root.client.get('/api/v1/roles/renamed')).code).toBe('NOT_FOUND')
  })

  const garbled: [string, unknown][] = [
    ['a name with capitals', { name: 'Admin' }],
    ['a name with a space', { name: 'a b' }],
    ['a name that is a pattern', { name: '*' }],
    ['a name of an object’s', { name: '__proto__' }],
    ['a name that is too long', { name: 'a'.repeat(65) }],
    ['a permission without an action', { name: 'x', permissions: ['users'] }],
    ['a permission with a space', { name: 'x', permissions: ['users:read users:write'] }],
    ['permissions as text', { name: 'x', permissions: '*' }],
    ['permissions as an object', { name: 'x', permissions: { 0: '*' } }],
    ['too many permissions', { name: 'x', permissions: Array.from({ length: 201 }, (_, n) => `a:b${n}`) }],
    ['a rank below nothing', { name: 'x', rank: -1 }],
    ['a pattern among the inherited', { name: 'x', inherits: ['*'] }],
    ['a long description', { name: 'x', description: 'x'.repeat(501) }],
  ]
  it.each(garbled)('is not made with %s', async (_name, body) => {
    const before = await everything(world)
    expect((await root.client.post('/api/v1/roles', body)).code).toBe('VALIDATION_ERROR')
    expect(await everything(world)).toEqual(before)
  })

  it('is not created from a body with __proto__ in it', async () => {
    const before = await everything(world)
    const reply = await root.client.post('/api/v1/roles', '{"name":"x","__proto__":{"permissions":["*"]}}')
    if (reply.status === 201) expect(reply.data.permissions).toEqual([])
    else expect([reply.status, await everything(world)]).toEqual([400, before])
    expect(({} as { permissions?: unknown }).permissions).toBeUndefined()
  })
})
