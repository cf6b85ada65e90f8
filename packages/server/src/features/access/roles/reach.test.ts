/** A caller grants, revokes and changes only what they may; attempts at more are in the audit log. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  everything,
  giveRoles,
  holderOf,
  lastEvent,
  rolesOf,
  setRoles,
} from '../../../../../../tests/permissions/people.ts'
import type { Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let root: Person
/** May write roles and give some, and holds little. */
let keeper: Person
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
})
afterAll(() => world.stop())

describe('a caller is refused', () => {
  let before: unknown
  beforeEach(async () => {
    await setRoles(world, keeper, ['keeper'])
    before = await everything(world)
  })
  /** Refused with this, written down, and nothing else has changed. */
  async function isBeyond(reply: Reply, required: string, action: string, target?: string): Promise<void> {
    expect([reply.status, reply.code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect(reply.body.error.details.required).toBe(required)
    expect(await everything(world)).toEqual(before)
    const event = await lastEvent(world, 'access.denied')
    expect(event).toMatchObject({ user_id: keeper.id, details: { action, required } })
    expect(Object.values(event.details.target)).toEqual(target === undefined ? [] : [target])
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
    await isBeyond(reply, named, 'roles.create')
    const changed = await keeper.client.patch('/api/v1/roles/helper', wish)
    await isBeyond(changed, changed.body.error.details.required, 'roles.update', 'helper')
  })

  it('adding permissions to their own role', async () => {
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

  it('granting a role that permits more, grants more, or that the caller may not grant', async () => {
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

  it('granting a role that the caller may grant and that permits more by now', async () => {
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

  it('revoking anything from, or granting anything to a more powerful user', async () => {
    const person = await holderOf(world, 'administrator', 'helper')
    before = await everything(world)
    for (const roles of [['administrator'], ['administrator', 'helper', 'viewer'], [], ['viewer']]) {
      const reply = await giveRoles(keeper.client, person, roles)
      await isBeyond(reply, reply.body.error.details.required, 'users.roles.update', person.id)
    }
  })

  it('creating or deleting a permission that they do not have', async () => {
    const reply = await keeper.client.post('/api/v1/permissions', { name: 'books:lend' })
    await isBeyond(reply, 'books:lend', 'permissions.create')
  })

  it('nothing within their own permissions', async () => {
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
    // a caller may give up a role
    expect((await giveRoles(keeper.client, keeper, ['keeper', 'viewer'])).status).toBe(200)
  })
})
