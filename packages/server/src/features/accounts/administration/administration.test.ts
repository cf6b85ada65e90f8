/** Authorization of user administration: higher and lower roles, API keys, the last administrator. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../testing/client.ts'
import { PASSWORD } from '../../../testing/world.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from './testing.ts'

let world: StaffedWorld['world']
let root: StaffedWorld['root']
let admin: StaffedWorld['admin']
let manager: StaffedWorld['manager']
let staff: StaffedWorld['staff']
let viewer: StaffedWorld['viewer']
let target: StaffedWorld['target']
let giveRoles: StaffedWorld['giveRoles']
let stored: StaffedWorld['stored']
let lastEvent: StaffedWorld['lastEvent']
let keyOf: StaffedWorld['keyOf']
beforeAll(async () => {
  ;({ world, root, admin, manager, staff, viewer, target, giveRoles, stored, lastEvent, keyOf } =
    await startStaffedWorld())
})
afterAll(() => world.stop())

const ROWS = (id: string): [string, string, Json?][] => [
  ['GET', '/api/v1/users'],
  ['POST', '/api/v1/users', { email: 'from.below@example.com' }],
  ['GET', at(id)],
  ['PATCH', at(id), { full_name: 'Mallory' }],
  ['DELETE', at(id)],
  ['POST', at(id, '/lock'), {}],
  ['POST', at(id, '/unlock'), {}],
  ['POST', at(id, '/disable'), {}],
  ['POST', at(id, '/enable'), {}],
  ['GET', at(id, '/sessions')],
  ['DELETE', at(id, '/sessions')],
  ['DELETE', at(id, '/sessions/ses_00000000000000000000000000000000')],
  ['POST', at(id, '/password-reset'), {}],
]
const reads = ([method]: [string, ...unknown[]]) => method === 'GET'

describe('a caller without the permission', () => {
  it('is refused every row, and nothing changes', async () => {
    const before = await stored(target.id)
    for (const person of [viewer, staff]) {
      for (const [method, path, body] of ROWS(target.id)) {
        const reply = await person.client.send(method, path, body)
        expect([method, path, ...outcome(reply)]).toEqual([method, path, 403, 'INSUFFICIENT_PERMISSIONS'])
      }
    }
    expect(await stored(target.id)).toEqual(before)
    expect((await target.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('is refused what exceeds their permissions, and the denial is recorded', async () => {
    for (const above of [admin, root]) {
      const before = await stored(above.id)
      for (const row of ROWS(above.id).filter((one) => !reads(one) && one[1].includes(above.id))) {
        const reply = await manager.client.send(row[0], row[1], row[2])
        expect([row[0], row[1], ...outcome(reply)]).toEqual([row[0], row[1], 403, 'INSUFFICIENT_PERMISSIONS'])
        expect(reply.body.error.details.reason).toBe('beyond_own')
        expect((await lastEvent(manager.id, 'access.denied')).details.target.id).toBe(above.id)
      }
      expect(await stored(above.id)).toEqual(before)
      expect((await above.client.get('/api/v1/auth/me')).status).toBe(200)
    }
  })

  it('is refused by a key without the scope; a key with it does everything but what requires fresh proof', async () => {
    const less = await keyOf(manager, ['users:read'])
    for (const [method, path, body] of ROWS(target.id)) {
      const { status } = await less.send(method, path, body)
      expect([method, path, status]).toEqual([method, path, method === 'GET' ? 200 : 403])
    }
    // a key that lacks a permission of its owner cannot act on users who have it
    const narrow = await keyOf(manager, ['users:*'])
    expect(outcome(await narrow.post(at(target.id, '/lock')))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    const key = await keyOf(manager, ['users:*', 'dashboard:read', 'analytics:read'])
    for (const [method, path, body] of ROWS(target.id)) {
      if (path.endsWith('/sessions/ses_00000000000000000000000000000000')) continue
      const reply = await key.send(method, path, body)
      const expected = method === 'DELETE' && path === at(target.id) ? 401 : [200, 201]
      expect([expected].flat(), `${method} ${path}: ${reply.text}`).toContain(reply.status)
    }
    await target.client.signIn(target.email, PASSWORD)
  })

  it('gets NOT_FOUND for a malformed id', async () => {
    for (const id of [
      'usr_00000000000000000000000000000000',
      'me2',
      'ses_00000000000000000000000000000000',
      "usr_'",
    ]) {
      for (const [method, path, body] of ROWS(encodeURIComponent(id)).filter(
        ([, path]) => path !== '/api/v1/users',
      )) {
        expect([path, ...outcome(await root.client.send(method, path, body))]).toEqual([
          path,
          404,
          'NOT_FOUND',
        ])
      }
    }
  })

  it('cannot lock, disable or delete their own account or the last administrator', async () => {
    for (const [method, more] of [
      ['POST', '/lock'],
      ['POST', '/disable'],
      ['DELETE', ''],
    ] as const) {
      expect(outcome(await manager.client.send(method, at(manager.id, more), {}))).toEqual([409, 'CONFLICT'])
      expect(outcome(await root.client.send(method, at(root.id, more), {}))).toEqual([409, 'CONFLICT'])
    }
    const second = await world.person()
    await giveRoles(second, 'super_admin')
    expect((await second.client.post(at(root.id, '/lock'), { end_sessions: false })).status).toBe(200)
    // the other administrator is locked: the remaining one is the last
    const reply = await world.db.tx('system', async (tx) => {
      const { isLastAdministrator } = await import('../../identity/lifecycle/sql.ts')
      return await isLastAdministrator(tx, second.id)
    })
    expect(reply).toBe(true)
    await second.client.post(at(root.id, '/unlock'))
    await root.client.delete(at(second.id))
  })

  it('leaves one administrator when two disable each other concurrently', async () => {
    for (const [method, more] of [
      ['POST', '/lock'],
      ['POST', '/disable'],
      ['DELETE', ''],
    ] as const) {
      const [one, two] = [await world.person(), await world.person()]
      await giveRoles(root, 'viewer')
      await giveRoles(one, 'super_admin')
      await giveRoles(two, 'super_admin')
      const replies = await Promise.all([
        one.client.send(method, at(two.id, more), {}),
        two.client.send(method, at(one.id, more), {}),
      ])
      expect(
        replies.filter(({ status }) => status === 200),
        method + more,
      ).toHaveLength(1)
      await giveRoles(root, 'super_admin')
      for (const id of [one.id, two.id]) await root.client.delete(at(id))
    }
  })
})
