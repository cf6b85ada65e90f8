/** Roles, permissions and who holds them, through the API: from above, from below, and with hostile input. */

import { effectivePermissions } from '@latchkey/guard'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  everything,
  giveRoles,
  holderOf,
  lastEvent,
  rolesOf,
  setRoles,
} from '../../../../../tests/permissions/people.ts'
import type { Reply } from '../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../testing/world.ts'

let world: World
let root: Person
/** May write roles and give some, and holds little. */
let keeper: Person
let viewer: Person
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
  keeper = await holderOf(world, 'keeper')
  viewer = await holderOf(world, 'viewer')
})
afterAll(() => world.stop())

const refusal = ({ status, code, body }: Reply) => ({ status, code, details: body.error?.details })
const field = ({ body }: Reply) =>
  body.error?.details?.map((one: { field: string; code: string }) => `${one.field}: ${one.code}`)

describe('a role', () => {
  it('is made, shown, listed, changed and deleted, and each is written down', async () => {
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

  it('that is changed to what it is writes nothing', async () => {
    const before = await world.events()
    expect((await root.client.patch('/api/v1/roles/helper', { permissions: ['things:read'] })).status).toBe(
      200,
    )
    expect(await world.events()).toEqual(before)
  })

  it('inherits and grants only roles that there are', async () => {
    expect(field(await root.client.post('/api/v1/roles', { name: 'x', inherits: ['emperor'] }))).toEqual([
      'inherits: unknown_role',
    ])
    expect(field(await root.client.patch('/api/v1/roles/helper', { grants: ['emperor'] }))).toEqual([
      'grants: unknown_role',
    ])
  })

  it('never inherits itself, directly or by way of others', async () => {
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

  it('never closes a circle that two make at once', async () => {
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

  it('has a name of its own, and none that another preset would make powerful', async () => {
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

  it('at the top of a preset is neither changed nor deleted, by anybody', async () => {
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

  it('is not given to anybody while it is deleted', async () => {
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

  it('that is gone is granted by nobody, should there be one of its name again', async () => {
    await root.client.post('/api/v1/roles', { name: 'passing' })
    await root.client.post('/api/v1/roles', { name: 'granter', grants: ['passing', 'viewer'] })
    await root.client.delete('/api/v1/roles/passing')
    expect((await root.client.get('/api/v1/roles/granter')).data.grants).toEqual(['viewer'])
  })

  it('takes only what can be changed of it', async () => {
    const { data } = await root.client.post(
      '/api/v1/roles',
      '{"name":"plain","preset":"ladder","created_at":"2001-01-01T00:00:00Z","effective_permissions":["*"],"rank":50}',
    )
    expect(data).toMatchObject({
      preset: null,
      created_at: expect.stringMatching(/^2030-/),
      effective_permissions: [],
    })
    for (const body of [
      { preset: 'ladder', created_at: '2001-01-01T00:00:00Z', name: 'renamed', holders: 3 },
      { updated_at: '2001-01-01T00:00:00Z' },
    ]) {
      const { data: same } = await root.client.patch('/api/v1/roles/plain', body)
      expect(same).toEqual(data)
    }
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

  it('is not made of a body with __proto__ in it', async () => {
    const before = await everything(world)
    const reply = await root.client.post('/api/v1/roles', '{"name":"x","__proto__":{"permissions":["*"]}}')
    if (reply.status === 201) expect(reply.data.permissions).toEqual([])
    else expect([reply.status, await everything(world)]).toEqual([400, before])
    expect(({} as { permissions?: unknown }).permissions).toBeUndefined()
  })
})

describe('nobody reaches beyond themselves', () => {
  let before: unknown
  beforeEach(async () => {
    await setRoles(world, keeper, ['keeper'])
    before = await everything(world)
  })
  /** Refused with this, written down, and nothing else has changed. */
  async function isBeyond(reply: Reply, required: string, action: string, target: string): Promise<void> {
    expect([reply.status, reply.code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect(reply.body.error.details.required).toBe(required)
    expect(await everything(world)).toEqual(before)
    const event = await lastEvent(world, 'access.denied')
    expect(event).toMatchObject({ user_id: keeper.id, details: { action, target, required } })
    expect(event.session_id).toMatch(/^ses_/)
  }

  it.each<[string, Record<string, unknown>, string]>([
    ['permits what the maker may not', { permissions: ['things:read', 'audit:read'] }, 'audit:read'],
    ['permits everything', { permissions: ['*'] }, '*'],
    ['permits a pattern of which the maker holds a part', { permissions: ['users:*'] }, 'users:*'],
    ['permits one action on everything', { permissions: ['*:read'] }, '*:read'],
    ['inherits what the maker may not', { inherits: ['strong'] }, 'audit:read'],
    ['inherits by way of another', { inherits: ['administrator'] }, 'analytics:read'],
    ['grants what the maker may not', { grants: ['strong'] }, 'users:grant'],
    ['grants everything', { grants: ['*'] }, 'users:grant'],
    ['inherits a role that grants what the maker may not', { inherits: ['delegate'] }, 'users:grant'],
  ])('making a role that %s', async (_how, wish, required) => {
    const reply = await keeper.client.post('/api/v1/roles', { name: 'ladder_up', ...wish })
    const named = required === 'analytics:read' ? reply.body.error.details.required : required
    await isBeyond(reply, named, 'roles.create', 'ladder_up')
    const changed = await keeper.client.patch('/api/v1/roles/helper', wish)
    await isBeyond(changed, changed.body.error.details.required, 'roles.update', 'helper')
  })

  it('making their own role more than it is', async () => {
    const reply = await keeper.client.patch('/api/v1/roles/keeper', { permissions: ['*'] })
    await isBeyond(reply, '*', 'roles.update', 'keeper')
  })

  it('changing or deleting a role that permits more', async () => {
    for (const change of [{ permissions: [] }, { description: 'x' }, { rank: 0 }]) {
      const reply = await keeper.client.patch('/api/v1/roles/strong', change)
      await isBeyond(reply, 'audit:read', 'roles.update', 'strong')
    }
    await isBeyond(await keeper.client.delete('/api/v1/roles/strong'), 'audit:read', 'roles.delete', 'strong')
    await isBeyond(
      await keeper.client.delete('/api/v1/roles/super_admin'),
      '*',
      'roles.delete',
      'super_admin',
    )
  })

  it('giving a role that permits more, grants more, or is not theirs to give', async () => {
    const person = await holderOf(world)
    before = await everything(world)
    for (const [roles, required] of [
      [['strong'], 'users:grant'],
      [['delegate'], 'users:grant'],
      [['staff'], 'users:grant'],
      [['keeper'], 'users:grant'],
      [['viewer', 'super_admin'], 'users:grant'],
    ] as const)
      await isBeyond(await giveRoles(keeper.client, person, roles), required, 'users.roles.update', person.id)
  })

  it('giving a role that is theirs to give and permits more by now', async () => {
    const person = await holderOf(world)
    await root.client.patch('/api/v1/roles/helper', { permissions: ['things:read', 'audit:read'] })
    before = await everything(world)
    const reply = await giveRoles(keeper.client, person, ['helper'])
    await isBeyond(reply, 'audit:read', 'users.roles.update', person.id)
    await root.client.patch('/api/v1/roles/helper', { permissions: ['things:read'] })
  })

  it('promoting themselves', async () => {
    for (const roles of [
      ['super_admin'],
      ['keeper', 'strong'],
      ['keeper', 'staff'],
      ['keeper', 'administrator'],
    ])
      await isBeyond(
        await giveRoles(keeper.client, keeper, roles),
        'users:grant',
        'users.roles.update',
        keeper.id,
      )
  })

  it('taking anything from, or giving anything to somebody more powerful', async () => {
    const person = await holderOf(world, 'administrator', 'helper')
    before = await everything(world)
    for (const roles of [['administrator'], ['administrator', 'helper', 'viewer'], [], ['viewer']]) {
      const reply = await giveRoles(keeper.client, person, roles)
      await isBeyond(reply, reply.body.error.details.required, 'users.roles.update', person.id)
    }
  })

  it('bringing or taking away a permission that they do not hold', async () => {
    const reply = await keeper.client.post('/api/v1/permissions', { name: 'books:lend' })
    await isBeyond(reply, 'books:lend', 'permissions.create', 'books:lend')
  })

  it('but within themselves they may', async () => {
    const person = await holderOf(world, 'viewer')
    expect((await giveRoles(keeper.client, person, ['viewer', 'helper', 'empty'])).status).toBe(200)
    expect(await rolesOf(world, person)).toEqual(['viewer', 'empty', 'helper'])
    expect((await giveRoles(keeper.client, person, [])).status).toBe(200)
    const made = await keeper.client.post('/api/v1/roles', {
      name: 'within',
      permissions: ['things:write'],
      inherits: ['viewer'],
      grants: ['helper'],
    })
    expect(made.status).toBe(201)
    expect((await keeper.client.delete('/api/v1/roles/within')).status).toBe(200)
    // whoever gives something up may
    expect((await giveRoles(keeper.client, keeper, ['keeper', 'viewer'])).status).toBe(200)
  })
})

describe('the roles of somebody', () => {
  it('are shown and replaced, the most powerful first, and written down', async () => {
    const person = await holderOf(world, 'viewer')
    const { data } = await giveRoles(root.client, person, ['viewer', 'manager', 'helper', 'viewer'])
    const roles = ['manager', 'viewer', 'helper']
    const definitions = new Map(world.app.tools.roles.all().map((role) => [role.name, role]))
    expect(data).toEqual({
      user_id: person.id,
      role: 'manager',
      roles,
      permissions: effectivePermissions(definitions, roles),
    })
    expect((await root.client.get(`/api/v1/users/${person.id}/roles`)).data).toEqual(data)
    expect(await lastEvent(world, 'user.roles.changed')).toMatchObject({
      user_id: person.id,
      details: { by: root.id, from: ['viewer'], to: roles },
    })
    const before = await world.events()
    expect((await giveRoles(root.client, person, roles)).status).toBe(200)
    expect(await world.events()).toEqual(before)
  })

  it('are of somebody there is', async () => {
    for (const id of [
      'usr_00000000000000000000000000000000',
      'me',
      keeper.id.replace('usr', 'ses'),
      "' or 1=1 --",
    ]) {
      const place = `/api/v1/users/${encodeURIComponent(id)}/roles`
      expect((await root.client.get(place)).code).toBe('NOT_FOUND')
      expect((await root.client.send('PUT', place, { roles: [] })).code).toBe('NOT_FOUND')
    }
  })

  it('are roles there are', async () => {
    const before = await everything(world)
    for (const roles of [['emperor'], ['viewer', 'constructor'], ['viewer', 'Viewer']])
      expect((await giveRoles(root.client, viewer, roles)).code).toBe('VALIDATION_ERROR')
    expect(field(await giveRoles(root.client, viewer, ['emperor']))).toEqual(['roles: unknown_role'])
    for (const roles of [
      undefined,
      null,
      'viewer',
      ['*'],
      [['viewer']],
      { 0: 'viewer' },
      Array(51).fill('viewer'),
    ])
      expect((await giveRoles(root.client, viewer, roles)).code).toBe('VALIDATION_ERROR')
    expect(await everything(world)).toEqual(before)
  })

  it('that nobody defined any more can be cleared away', async () => {
    const person = await holderOf(world, 'gone', 'viewer')
    expect((await giveRoles(keeper.client, person, ['viewer'])).status).toBe(200)
    expect(await rolesOf(world, person)).toEqual(['viewer'])
  })

  it('end up as one of two who replace them at once said', async () => {
    for (let round = 0; round < 10; round++) {
      const person = await holderOf(world)
      const lists = [['helper'], ['viewer', 'staff']]
      const done = await Promise.all(lists.map((roles) => giveRoles(root.client, person, roles)))
      expect(done.map(({ status }) => status)).toEqual([200, 200])
      expect([['helper'], ['staff', 'viewer']]).toContainEqual(await rolesOf(world, person))
    }
  })

  it('are changed before their account is deleted, or not at all, and neither waits for the other for ever', async () => {
    for (let round = 0; round < 10; round++) {
      const person = await holderOf(world, 'viewer')
      const [gave, left] = await Promise.all([
        giveRoles(root.client, person, ['helper']),
        person.client.delete('/api/v1/users/me', { password: PASSWORD }),
      ])
      expect([
        [200, 200],
        [404, 200],
      ]).toContainEqual([gave.status, left.status])
      expect(await rolesOf(world, person)).toBeUndefined()
    }
  })

  it('are not given by somebody who loses the right to at that moment', async () => {
    for (let round = 0; round < 10; round++) {
      const giver = await holderOf(world, 'super_admin')
      const person = await holderOf(world)
      const [taken, gave] = await Promise.all([
        giveRoles(root.client, giver, []),
        giveRoles(giver.client, person, ['super_admin']),
      ])
      expect(taken.status).toBe(200)
      const [first, second] = await world.db.tx('system', (tx) =>
        tx
          .selectFrom('audit_events')
          .select('user_id')
          .where('event_type', '=', 'user.roles.changed')
          .where('user_id', 'in', [giver.id, person.id])
          .orderBy('id')
          .execute(),
      )
      // either it was given before, or not at all
      if (gave.status === 200) expect([first?.user_id, second?.user_id]).toEqual([person.id, giver.id])
      else expect([gave.status, await rolesOf(world, person)]).toEqual([403, []])
    }
  })
})

describe('the catalogue of permissions', () => {
  it('tells those of the server, of organizations and of the app apart', async () => {
    const made = await root.client.post('/api/v1/permissions', {
      name: 'reports:read',
      description: 'See reports.',
    })
    expect(made.status).toBe(201)
    const inside = await root.client.post('/api/v1/permissions', {
      name: 'projects:write',
      organization_roles: ['admin', 'member', 'member'],
    })
    expect(inside.status).toBe(201)
    const { data } = await root.client.get('/api/v1/permissions')
    const find = (name: string, scope: string) =>
      data.find((one: { name: string; scope: string }) => one.name === name && one.scope === scope)
    expect(find('reports:read', 'server')).toEqual({
      name: 'reports:read',
      description: 'See reports.',
      scope: 'server',
      origin: 'app',
      organization_roles: [],
    })
    expect(find('projects:write', 'organization')).toMatchObject({
      origin: 'app',
      organization_roles: ['admin', 'member'],
    })
    expect(find('audit:read', 'server')).toMatchObject({ origin: 'server', organization_roles: [] })
    expect(find('audit:read', 'organization')).toMatchObject({ organization_roles: ['owner', 'admin'] })
    expect(find('organization:read', 'organization').organization_roles).toEqual([
      'owner',
      'admin',
      'member',
      'guest',
    ])
    const permits = (role: string) =>
      world.app.tools.roles.organizationPermissionsOf(role, null).includes('projects:write')
    await world.app.tools.roles.fresh()
    expect(['admin', 'member', 'guest'].map(permits)).toEqual([true, true, false])
    expect((await root.client.delete('/api/v1/permissions/projects:write')).status).toBe(200)
    await world.app.tools.roles.fresh()
    expect(['admin', 'member'].map(permits)).toEqual([false, false])
    expect(await lastEvent(world, 'permission.deleted')).toMatchObject({
      details: { permission: 'projects:write' },
    })
    expect((await root.client.delete('/api/v1/permissions/projects:write')).code).toBe('NOT_FOUND')
  })

  it('refuses tokens of members that carry a deleted permission', async () => {
    await root.client.post('/api/v1/permissions', { name: 'briefs:read', organization_roles: ['guest'] })
    const { data } = await world.client().signIn(viewer.email, PASSWORD, { tokens: true })
    const member = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    expect((await member.get('/api/v1/auth/validate')).status).toBe(200)
    await root.client.delete('/api/v1/permissions/briefs:read')
    expect((await member.get('/api/v1/auth/validate')).status).toBe(401)
  })

  it('takes no name twice, and none of the built-in', async () => {
    for (const name of ['users:read', 'members:read', 'audit:read', 'reports:read'])
      expect((await root.client.post('/api/v1/permissions', { name })).code).toBe('CONFLICT')
    const both = await Promise.all(
      [1, 2, 3].map(() => root.client.post('/api/v1/permissions', { name: 'once:only' })),
    )
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409, 409])
    for (const name of ['users:read', 'members:read'])
      expect((await root.client.delete(`/api/v1/permissions/${name}`)).code).toBe('NOT_FOUND')
  })

  it('takes only what can be asked for, for roles that every organization has', async () => {
    for (const body of [
      { name: '*' },
      { name: 'a:*' },
      { name: 'a' },
      { name: 'A:b' },
      { name: 'a:b', organization_roles: ['emperor'] },
      { name: 'a:b', organization_roles: 'owner' },
    ])
      expect((await root.client.post('/api/v1/permissions', body)).code).toBe('VALIDATION_ERROR')
  })

  it('keeps a permission that a role has', async () => {
    await root.client.post('/api/v1/permissions', { name: 'kept:here' })
    await root.client.post('/api/v1/roles', { name: 'with_it', permissions: ['kept:here'] })
    expect(refusal(await root.client.delete('/api/v1/permissions/kept:here'))).toMatchObject({
      status: 409,
      details: { reason: 'held' },
    })
  })
})

describe('every change', () => {
  const CHANGES: [method: string, path: string, body?: unknown][] = [
    ['POST', '/api/v1/roles', { name: 'intruder' }],
    ['PATCH', '/api/v1/roles/viewer', { permissions: [] }],
    ['DELETE', '/api/v1/roles/empty'],
    ['POST', '/api/v1/permissions', { name: 'intruder:in' }],
    ['DELETE', '/api/v1/permissions/reports:read'],
    ['PUT', '/api/v1/users/:id/roles', { roles: ['viewer'] }],
  ]
  const READS = ['/api/v1/roles', '/api/v1/roles/viewer', '/api/v1/permissions', '/api/v1/users/:id/roles']
  const at = (path: string) => path.replace(':id', viewer.id)

  it.each(['viewer', 'staff', 'manager', 'administrator'])('is refused to a %s', async (role) => {
    const person = await holderOf(world, role)
    const before = await everything(world)
    for (const [method, path, body] of CHANGES) {
      const mayGive = path.startsWith('/api/v1/users') && ['manager', 'administrator'].includes(role)
      const { status } = await person.client.send(method, at(path), body)
      expect([method, path, status]).toEqual([method, path, mayGive ? 200 : 403])
    }
    expect(await everything(world)).toEqual(before)
  })

  it.each(['viewer', 'staff', 'manager', 'administrator'])(
    'and reading roles as well, but not of people, to a %s',
    async (role) => {
      const person = await holderOf(world, role)
      for (const path of READS) {
        const may = path.startsWith('/api/v1/users') && ['manager', 'administrator'].includes(role)
        expect([path, (await person.client.get(at(path))).status]).toEqual([path, may ? 200 : 403])
      }
    },
  )

  it('is refused to an API key, whatever its maker may do, and reading is not', async () => {
    const fresh = world.client()
    await fresh.signIn(root.email, PASSWORD)
    const { data } = await fresh.post('/api/v1/auth/api-keys', { name: 'all' })
    const byKey = world.client({ headers: { 'x-api-key': data.key } })
    const before = await everything(world)
    for (const [method, path, body] of CHANGES) {
      const { status, code } = await byKey.send(method, at(path), body)
      expect([method, path, status, code]).toEqual([method, path, 401, 'AUTHENTICATION_REQUIRED'])
    }
    expect(await everything(world)).toEqual(before)
    for (const path of READS) expect((await byKey.get(at(path))).status).toBe(200)
  })

  it('of people takes both seeing them and the right to give', async () => {
    await root.client.post('/api/v1/roles', {
      name: 'blind',
      permissions: ['users:grant'],
      grants: ['viewer'],
    })
    await root.client.post('/api/v1/roles', { name: 'seer', permissions: ['users:read'], grants: ['viewer'] })
    const [blind, seer] = [await holderOf(world, 'blind'), await holderOf(world, 'seer')]
    for (const [person, required] of [
      [blind, 'users:read'],
      [seer, 'users:grant'],
    ] as const) {
      const reply = await giveRoles(person.client, viewer, [])
      expect([reply.status, reply.body.error.details.required]).toEqual([403, required])
    }
  })
})
