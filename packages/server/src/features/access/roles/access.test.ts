/** Who holds roles, and the catalogue of permissions, through the API: from above, from below, with hostile input. */

import { effectivePermissions } from '@latchkey/guard'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  everything,
  giveRoles,
  holderOf,
  lastEvent,
  rolesOf,
} from '../../../../../../tests/permissions/people.ts'
import type { Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

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

describe('the roles of a user', () => {
  it('are shown and replaced, the most powerful first, and audited', async () => {
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

  it('require an existing user', async () => {
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

  it('are existing roles only', async () => {
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

  it('that are not defined any more can be removed', async () => {
    const person = await holderOf(world, 'gone', 'viewer')
    expect((await giveRoles(keeper.client, person, ['viewer'])).status).toBe(200)
    expect(await rolesOf(world, person)).toEqual(['viewer'])
  })

  it('are those of one of two concurrent requests', async () => {
    for (let round = 0; round < 10; round++) {
      const person = await holderOf(world)
      const lists = [['helper'], ['viewer', 'staff']]
      const done = await Promise.all(lists.map((roles) => giveRoles(root.client, person, roles)))
      expect(done.map(({ status }) => status)).toEqual([200, 200])
      expect([['helper'], ['staff', 'viewer']]).toContainEqual(await rolesOf(world, person))
    }
  })

  it('are changed before the account is deleted, or not at all, without a deadlock', async () => {
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

  it('are not granted by a caller who loses the permission at that moment', async () => {
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
  it('distinguishes permissions of the server, of organizations and of the app', async () => {
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

  it('refuses tokens of members that contain a deleted permission', async () => {
    await root.client.post('/api/v1/permissions', { name: 'briefs:read', organization_roles: ['guest'] })
    const { data } = await world.client().signIn(viewer.email, PASSWORD, { tokens: true })
    const member = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    expect((await member.get('/api/v1/auth/validate')).status).toBe(200)
    await root.client.delete('/api/v1/permissions/briefs:read')
    expect((await member.get('/api/v1/auth/validate')).status).toBe(401)
  })

  it('accepts no name twice, and no built-in name', async () => {
    for (const name of ['users:read', 'members:read', 'audit:read', 'reports:read'])
      expect((await root.client.post('/api/v1/permissions', { name })).code).toBe('CONFLICT')
    const both = await Promise.all(
      [1, 2, 3].map(() => root.client.post('/api/v1/permissions', { name: 'once:only' })),
    )
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409, 409])
    for (const name of ['users:read', 'members:read'])
      expect((await root.client.delete(`/api/v1/permissions/${name}`)).code).toBe('NOT_FOUND')
  })

  it('accepts only permissions that can be required, for roles that every organization has', async () => {
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

  it('is refused to an API key, even if its owner may do it, and reading is not', async () => {
    const fresh = world.client()
    await fresh.signIn(root.email, PASSWORD)
    const { client: byKey } = await fresh.apiKey()
    const before = await everything(world)
    for (const [method, path, body] of CHANGES) {
      const { status, code } = await byKey.send(method, at(path), body)
      expect([method, path, status, code]).toEqual([method, path, 401, 'AUTHENTICATION_REQUIRED'])
    }
    expect(await everything(world)).toEqual(before)
    for (const path of READS) expect((await byKey.get(at(path))).status).toBe(200)
  })

  it('of users’ roles requires the permissions to read users and to grant roles', async () => {
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
