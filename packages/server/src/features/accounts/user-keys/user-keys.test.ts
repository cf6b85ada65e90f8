/**
 * API keys of other users: what administrators see and revoke, from above, from below and from a neighbouring tenant.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../base/ids.ts'
import type { Client } from '../../../testing/client.ts'
import type { Person } from '../../../testing/world.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from '../administration/testing.ts'

let staffed: StaffedWorld
let keysOfTarget: string
beforeAll(async () => {
  staffed = await startStaffedWorld()
  keysOfTarget = at(staffed.target.id, '/api-keys')
})
afterAll(() => staffed.world.stop())

const refusedKey = (client: Client) => client.get('/api/v1/auth/validate')
const only = (list: { key_id: string; status: string }[], id: string) =>
  list.filter((one) => one.key_id === id)

describe('the keys of a user', () => {
  it('are listed for an administrator as for their owner, without the secret', async () => {
    const { admin, root, target } = staffed
    const key = await target.client.apiKey({ name: 'Nightly', permissions: ['dashboard:read'] })
    await key.client.get('/api/v1/auth/validate')
    const own = await target.client.get('/api/v1/auth/api-keys')
    for (const { client } of [admin, root]) {
      const list = await client.get(keysOfTarget)
      expect([list.status, list.body.message]).toEqual([200, 'API keys of the user listed.'])
      expect(only(list.data, key.id)).toEqual(only(own.data, key.id))
      expect(only(list.data, key.id)).toEqual([
        expect.objectContaining({ name: 'Nightly', permissions: ['dashboard:read'], status: 'active' }),
      ])
      expect(list.text).not.toContain(key.secret.slice(12))
    }
  })

  it('are shown in the state that is enforced', async () => {
    const { admin, root, target, world } = staffed
    const key = await target.client.apiKey()
    const soon = await target.client.apiKey({
      expires_at: new Date(world.clock.now().getTime() + 60_000).toISOString(),
    })
    const shown = async (id: string) => only((await admin.client.get(keysOfTarget)).data, id)[0]
    const check = async (id: string, client: Client, status: string | undefined) =>
      expect([(await shown(id))?.status, (await refusedKey(client)).status]).toEqual([
        status,
        status === 'active' ? 200 : 401,
      ])
    await check(key.id, key.client, 'active')
    await check(soon.id, soon.client, 'active')
    await world.clock.advance('1 minute')
    await check(soon.id, soon.client, 'expired')
    for (const [off, on] of [
      ['/disable', '/enable'],
      ['/lock', '/unlock'],
    ] as const) {
      expect((await root.client.post(at(target.id, off))).status).toBe(200)
      await check(key.id, key.client, 'owner_inactive')
      await check(soon.id, soon.client, 'expired')
      expect((await root.client.post(at(target.id, on))).status).toBe(200)
      await check(key.id, key.client, 'active')
    }
    expect((await admin.client.delete(`${keysOfTarget}/${key.id}`)).status).toBe(200)
    await check(key.id, key.client, undefined)
    await target.client.signIn(target.email, target.password)
  })

  it('are revoked by an administrator: at once, once, and audited with the administrator', async () => {
    const { admin, target, lastEvent } = staffed
    const key = await target.client.apiKey({ name: 'Leaked' })
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => admin.client.delete(`${keysOfTarget}/${key.id}`)),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(404)])
    expect((await refusedKey(key.client)).code).toBe('INVALID_API_KEY')
    expect(await lastEvent(target.id, 'auth.api_key.revoked')).toMatchObject({
      user_id: target.id,
      organization_id: null,
      details: { by: admin.id, key_id: key.id, name: 'Leaked', permissions: ['*'] },
    })
  })

  it('are not available without the permission: from below, to a neighbouring tenant, to a limited key', async () => {
    const { admin, manager, staff, viewer, target, world, keyOf } = staffed
    const key = await target.client.apiKey()
    const neighbour = await world.person()
    await world.organization({ members: [[neighbour, 'owner'], [target, 'member']] }) // biome-ignore format: a list
    const readers = await keyOf(admin, ['api_keys:read', 'users:read'])
    for (const client of [manager.client, staff.client, viewer.client, neighbour.client])
      expect(outcome(await client.get(keysOfTarget))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    for (const client of [manager.client, staff.client, viewer.client, neighbour.client, readers])
      expect(outcome(await client.delete(`${keysOfTarget}/${key.id}`))).toEqual([
        403,
        'INSUFFICIENT_PERMISSIONS',
      ])
    expect((await readers.get(keysOfTarget)).status).toBe(200)
    expect(outcome(await world.client().get(keysOfTarget))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    expect((await refusedKey(key.client)).status).toBe(200)
  })

  it('of a user with further permissions are listed, but not revoked', async () => {
    const { admin, root } = staffed
    const key = await root.client.apiKey()
    const path = at(root.id, '/api-keys')
    expect((await admin.client.get(path)).status).toBe(200)
    const refused = await admin.client.delete(`${path}/${key.id}`)
    expect(outcome(refused)).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect(refused.body.error.details).toMatchObject({ required: '*', reason: 'beyond_own' })
    expect((await refusedKey(key.client)).status).toBe(200)
  })

  it('are found by user and id together', async () => {
    const { admin, target, viewer } = staffed
    const key = await target.client.apiKey()
    const of = (person: Pick<Person, 'id'>, id: string) => at(person.id, `/api-keys/${id}`)
    for (const path of [
      of(viewer, key.id),
      of(target, newId('key')),
      of({ id: newId('usr') }, key.id),
      of({ id: 'me' }, key.id),
    ])
      expect([path, ...outcome(await admin.client.delete(path))]).toEqual([path, 404, 'NOT_FOUND'])
    for (const id of [newId('usr'), 'me', "' or 1=1 --"])
      expect(outcome(await admin.client.get(at(encodeURIComponent(id), '/api-keys')))).toEqual([
        404,
        'NOT_FOUND',
      ])
    expect((await refusedKey(key.client)).status).toBe(200)
  })
})
