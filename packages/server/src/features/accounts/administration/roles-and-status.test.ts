/** `role`, `roles` and `status` of POST users and PATCH users/:id follow the rules of the routes for them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../../testing/client.ts'
import { PASSWORD } from '../../../testing/world.ts'
import { setRolesByOperator } from './index.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from './testing.ts'

let staffed: StaffedWorld
beforeAll(async () => {
  staffed = await startStaffedWorld()
})
afterAll(() => staffed.world.stop())

const eventsOf = async (id: string) =>
  (await staffed.world.events(id)).filter((type) => type.startsWith('user.') || type.includes('session.'))
let created = 0
const account = (more: Record<string, unknown>) => ({
  email: `made${++created}@status.example`,
  password: PASSWORD,
  is_verified: true,
  ...more,
})

describe('a change of a user', () => {
  it('changes the roles, refuses tokens with the old ones, and is recorded as by the route for roles', async () => {
    const { world, root, manager, lastEvent } = staffed
    const one = await world.person()
    const { data } = await one.client.signIn(one.email, PASSWORD, { tokens: true })
    const token = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    expect((await token.get('/api/v1/auth/validate')).status).toBe(200)
    const changed = await root.client.patch(at(one.id), { role: 'manager', full_name: 'New Name' })
    expect(changed.data).toMatchObject({ role: 'manager', roles: ['manager'], full_name: 'New Name' })
    expect((await token.get('/api/v1/auth/validate')).status).toBe(401)
    expect((await lastEvent(one.id, 'user.roles.changed')).details).toMatchObject({
      by: root.id,
      from: ['viewer'],
      to: ['manager'],
    })
    const several = await root.client.patch(at(one.id), { roles: ['viewer', 'staff'] })
    expect(several.data.roles).toEqual(['staff', 'viewer'])
    const before = await eventsOf(one.id)
    expect((await root.client.patch(at(one.id), { roles: ['staff', 'viewer'] })).status).toBe(200)
    expect(await eventsOf(one.id)).toEqual(before)
    expect((await manager.client.patch(at(one.id), { role: 'viewer' })).data.role).toBe('viewer')
  })

  it('gives no role to a registration that is not verified: it may be a stranger’s, with a stranger’s password', async () => {
    const { world, root, stored } = staffed
    const email = 'ceo@status.example'
    const registered = await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
    const { id } = registered.data.user
    const refused = [409, 'CONFLICT']
    expect(outcome(await root.client.patch(at(id), { role: 'administrator' }))).toEqual(refused)
    expect(outcome(await root.client.send('PUT', at(id, '/roles'), { roles: ['staff'] }))).toEqual(refused)
    await expect(setRolesByOperator(world.app.tools, email, ['administrator'])).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'not_verified' },
    })
    expect(await stored(id)).toMatchObject({ roles: ['viewer'] })
    const verified = await root.client.patch(at(id), { role: 'staff', is_verified: true })
    expect([verified.status, verified.data.roles]).toEqual([200, ['staff']])
  })

  it('refuses roles that the caller may not grant, and then changes nothing else', async () => {
    const { world, root, admin, manager, staff, keyOf, stored, giveRoles } = staffed
    const one = await world.person()
    const before = await stored(one.id)
    const grants = async (role: string) =>
      outcome(await manager.client.patch(at(one.id), { role, full_name: 'Changed', status: 'disabled' }))
    for (const role of ['super_admin', 'administrator', 'manager'])
      expect(await grants(role)).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect(outcome(await manager.client.patch(at(manager.id), { role: 'super_admin' }))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await manager.client.patch(at(admin.id), { role: 'viewer' }))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await staff.client.patch(at(one.id), { role: 'viewer' }))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await root.client.patch(at(one.id), { role: 'unknown' }))).toEqual([
      400,
      'VALIDATION_ERROR',
    ])
    const both = await root.client.patch(at(one.id), { role: 'staff', roles: ['staff'] })
    expect([both.status, both.body.error.details[0]]).toEqual([
      400,
      expect.objectContaining({ field: 'role', code: 'not_with_roles' }),
    ])
    const key = await keyOf(root, ['*'])
    expect(outcome(await key.patch(at(one.id), { role: 'staff' }))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    expect(await stored(one.id)).toEqual(before)
    // the last administrator keeps the role
    expect(outcome(await root.client.patch(at(root.id), { role: 'viewer' }))).toEqual([409, 'CONFLICT'])
    await giveRoles(one, 'super_admin')
    expect((await root.client.patch(at(one.id), { role: 'viewer' })).status).toBe(200)
  })

  it('disables, locks and enables as the actions do, with their events, and ends the sessions', async () => {
    const { world, manager } = staffed
    const one = await world.person()
    const set = async (status: string) => (await manager.client.patch(at(one.id), { status })).data?.status
    const login = async () =>
      (await world.client().post('/api/v1/auth/login', { email: one.email, password: PASSWORD })).status
    expect(await set('active')).toBe('active')
    expect(await set('disabled')).toBe('disabled')
    expect(await set('disabled')).toBe('disabled')
    expect([(await one.client.get('/api/v1/auth/me')).status, await login()]).toEqual([403, 403])
    expect(outcome(await manager.client.patch(at(one.id), { status: 'locked' }))).toEqual([409, 'CONFLICT'])
    expect(await set('active')).toBe('active')
    expect([(await one.client.get('/api/v1/auth/me')).status, await login()]).toEqual([403, 200])
    expect(await set('locked')).toBe('locked')
    expect(await login()).toBe(423)
    expect(await set('active')).toBe('active')
    expect(await login()).toBe(200)
    expect((await eventsOf(one.id)).filter((type) => type.startsWith('user.'))).toEqual([
      'user.registered',
      'user.disabled',
      'user.enabled',
      'user.locked',
      'user.unlocked',
    ])
  })

  it('does not set the status of the caller’s account, of a stronger one, or of a registration', async () => {
    const { world, root, admin, manager, viewer } = staffed
    for (const status of ['disabled', 'locked']) {
      expect(outcome(await manager.client.patch(at(manager.id), { status }))).toEqual([409, 'CONFLICT'])
      expect(outcome(await manager.client.patch(at(admin.id), { status }))).toEqual([
        403,
        'INSUFFICIENT_PERMISSIONS',
      ])
      expect(outcome(await viewer.client.patch(at(manager.id), { status }))).toEqual([
        403,
        'INSUFFICIENT_PERMISSIONS',
      ])
    }
    expect((await root.client.patch(at(root.id), { status: 'active' })).status).toBe(200)
    const { data } = await world
      .client()
      .post('/api/v1/auth/register', { email: 'pending@status.example', password: PASSWORD })
    const pending = (change: Record<string, unknown>) => manager.client.patch(at(data.user.id), change)
    expect((await pending({ status: 'pending' })).status).toBe(400)
    for (const status of ['active', 'disabled', 'locked'])
      expect(outcome(await pending({ status }))).toEqual([409, 'CONFLICT'])
    expect((await pending({ status: 'disabled', is_verified: true })).data.status).toBe('disabled')
  })

  it('made by two administrators of each other at once leaves one administrator', async () => {
    const { world, root, giveRoles } = staffed
    const other = await world.person()
    await giveRoles(other, 'super_admin')
    await other.client.signIn(other.email, PASSWORD)
    const replies = await Promise.all([
      root.client.patch(at(other.id), { status: 'disabled' }),
      other.client.patch(at(root.id), { role: 'viewer' }),
      root.client.patch(at(other.id), { role: 'viewer' }),
      other.client.patch(at(root.id), { status: 'disabled' }),
    ])
    const holders = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('users')
        .select(['id', 'status', 'roles'])
        .where('id', 'in', [root.id, other.id])
        .execute(),
    )
    const active = holders.filter(({ status, roles }) => status === 'active' && roles.includes('super_admin'))
    expect(active, JSON.stringify(replies.map(({ status }) => status))).toHaveLength(1)
    const [kept] = active
    const [keeper, lost] = kept?.id === root.id ? [root, other] : [other, root]
    expect((await keeper.client.patch(at(lost.id), { role: 'super_admin', status: 'active' })).status).toBe(
      200,
    )
    await root.client.signIn(root.email, PASSWORD)
  })
})

describe('the list of a role and a status', () => {
  it('follows every change of either', async () => {
    const { world, root } = staffed
    const { data } = await world
      .client()
      .post('/api/v1/auth/register', { email: 'follows@status.example', password: PASSWORD })
    const user: Json = data.user
    const listedAs = async () => {
      const found: string[] = []
      for (const role of ['viewer', 'staff'])
        for (const status of ['pending', 'active', 'disabled', 'locked']) {
          const { data } = await root.client.get(`/api/v1/users?role=${role}&status=${status}&limit=100`)
          if (data.some((one: Json) => one.id === user.id)) found.push(`${role} ${status}`)
        }
      return found
    }
    const steps: [(() => Promise<unknown>) | null, string[]][] = [
      [null, ['viewer pending']],
      [() => root.client.patch(at(user.id), { is_verified: true }), ['viewer active']],
      [() => root.client.post(at(user.id, '/lock'), { minutes: 5 }), ['viewer locked']],
      [
        () => root.client.patch(at(user.id), { roles: ['viewer', 'staff'] }),
        ['viewer locked', 'staff locked'],
      ],
      [async () => world.clock.advance('6 minutes'), ['viewer active', 'staff active']],
      [() => root.client.patch(at(user.id), { role: 'staff' }), ['staff active']],
      [() => root.client.post(at(user.id, '/disable'), {}), ['staff disabled']],
      [() => root.client.patch(at(user.id), { role: 'viewer', status: 'active' }), ['viewer active']],
    ]
    for (const [change, listed] of steps) {
      await change?.()
      expect(await listedAs()).toEqual(listed)
    }
  })
})

describe('a new account', () => {
  it('takes one role, and a status', async () => {
    const { world, root, manager } = staffed
    const post = (more: Record<string, unknown>) => manager.client.post('/api/v1/users', account(more))
    expect((await post({ role: 'staff' })).data).toMatchObject({ roles: ['staff'], status: 'active' })
    expect(outcome(await post({ role: 'administrator' }))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect((await post({ role: 'staff', roles: ['viewer'] })).status).toBe(400)
    for (const [status, refused] of [
      ['disabled', 403],
      ['locked', 423],
    ] as const) {
      // biome-ignore format: a table
      const made = await post({ status })
      expect([made.status, made.data.status]).toEqual([201, status])
      const body = { email: made.data.email, password: PASSWORD }
      expect((await world.client().post('/api/v1/auth/login', body)).status).toBe(refused)
      expect(await eventsOf(made.data.id)).toEqual(['user.created', `user.${status}`])
      expect((await manager.client.patch(at(made.data.id), { status: 'active' })).status).toBe(200)
      expect((await world.client().post('/api/v1/auth/login', body)).status).toBe(200)
    }
    const silent = await root.client.post('/api/v1/users', {
      email: 'off@status.example',
      status: 'disabled',
    })
    expect(silent.data.status).toBe('disabled')
    expect(await world.mailbox.emailsTo('off@status.example')).toEqual([])
  })
})
