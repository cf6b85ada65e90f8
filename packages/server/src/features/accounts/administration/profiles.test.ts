/** The profiles of users' accounts, as administrators read and change them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from './testing.ts'

let world: StaffedWorld['world']
let root: StaffedWorld['root']
let manager: StaffedWorld['manager']
let viewer: StaffedWorld['viewer']
let target: StaffedWorld['target']
let lastEvent: StaffedWorld['lastEvent']
let keyOf: StaffedWorld['keyOf']
beforeAll(async () => {
  ;({ world, root, manager, viewer, target, lastEvent, keyOf } = await startStaffedWorld())
})
afterAll(() => world.stop())

describe('the profile of an account', () => {
  const changed = (by: Client, id: string, profile: object) => by.patch(at(id), { profile })

  it('is read and changed by those who read and change the name', async () => {
    const done = await changed(manager.client, target.id, {
      given_name: 'Tara',
      address: { locality: 'London' },
    })
    expect([done.status, done.data.profile]).toMatchObject([
      200,
      { given_name: 'Tara', address: { locality: 'London', country: null }, nickname: null },
    ])
    expect((await lastEvent(target.id, 'user.updated')).details).toMatchObject({
      by: manager.id,
      fields: ['profile.given_name', 'profile.address'],
    })
    expect((await manager.client.get(at(target.id))).data.profile).toMatchObject({ given_name: 'Tara' })
    expect((await target.client.get(at('me'))).data.profile).toMatchObject({ given_name: 'Tara' })
    const reader = await keyOf(manager, ['users:read'])
    expect((await reader.get(at(target.id))).data.profile).toMatchObject({ given_name: 'Tara' })
    // lists do not have it
    expect((await manager.client.get('/api/v1/users')).text).not.toContain('Tara')
    await changed(manager.client, target.id, { given_name: null, address: null })
  })

  it('is not changed from below, by keys without the permission, and where something else is refused', async () => {
    const nickname = { nickname: 'Changed' }
    expect(outcome(await changed(viewer.client, target.id, nickname))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await viewer.client.get(at(target.id)))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect(outcome(await changed(manager.client, root.id, nickname))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await changed(await keyOf(manager, ['users:read']), target.id, nickname))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    const taken = await manager.client.patch(at(target.id), { username: 'zoe.admin', profile: nickname })
    expect(outcome(taken)).toEqual([409, 'CONFLICT'])
    expect((await manager.client.patch(at(target.id), { profile: { sub: 'x' } })).status).toBe(400)
    for (const id of [target.id, root.id])
      expect((await root.client.get(at(id))).data.profile.nickname).toBeNull()
  })
})
