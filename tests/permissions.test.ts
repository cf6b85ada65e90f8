/**
 * Roles and permissions of PRODUCT §5: what each role of both presets permits, by session and by `auth/validate`;
 * that a change takes effect immediately, even during other requests; and that an administrator always remains.
 */
import { can } from '@latchkey/guard'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../packages/server/src/base/call.ts'
import { deleteUser, disableUser } from '../packages/server/src/features/identity/lifecycle/index.ts'
import { getUser } from '../packages/server/src/features/identity/users/index.ts'
import type { Client } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { bearerOf, giveRoles, holderOf, rolesOf, setRoles } from './permissions/people.ts'

/** The roles of each preset that have each permission; the others do not have it. */
const MATRIX = {
  ladder: {
    roles: ['super_admin', 'administrator', 'manager', 'staff', 'viewer'],
    newcomer: 'viewer',
    holders: {
      'dashboard:read': ['super_admin', 'administrator', 'manager', 'staff', 'viewer'],
      'analytics:read': ['super_admin', 'administrator', 'manager', 'staff', 'viewer'],
      'dashboard:write': ['super_admin'],
      'analytics:export': ['super_admin'],
      'chat:read': ['super_admin', 'administrator', 'manager', 'staff'],
      'chat:delete': ['super_admin', 'administrator', 'manager', 'staff'],
      'chat:*': ['super_admin', 'administrator', 'manager', 'staff'],
      'concerns:read': ['super_admin', 'administrator', 'manager', 'staff'],
      'concerns:*': ['super_admin', 'administrator', 'manager', 'staff'],
      'users:read': ['super_admin', 'administrator', 'manager'],
      'users:grant': ['super_admin', 'administrator', 'manager'],
      'users:*': ['super_admin', 'administrator', 'manager'],
      'system:*': ['super_admin', 'administrator'],
      'system:restart': ['super_admin', 'administrator'],
      'api_keys:*': ['super_admin', 'administrator'],
      'api_keys:read': ['super_admin', 'administrator'],
      'api_keys:write': ['super_admin', 'administrator'],
      'audit:read': ['super_admin', 'administrator'],
      'audit:write': ['super_admin'],
      'audit:*': ['super_admin'],
      'roles:read': ['super_admin'],
      'roles:write': ['super_admin'],
      'users:write': ['super_admin', 'administrator', 'manager'],
      'users:delete': ['super_admin', 'administrator', 'manager'],
      'organizations:read': ['super_admin'],
      'organizations:write': ['super_admin'],
      'connections:read': ['super_admin'],
      'connections:write': ['super_admin'],
      'oauth_clients:read': ['super_admin'],
      'oauth_clients:write': ['super_admin'],
      'impersonation:create': ['super_admin'],
      'revocations:read': ['super_admin'],
      'metrics:read': ['super_admin'],
      'anything:at_all': ['super_admin'],
    },
  },
  'client-services': {
    roles: ['admin', 'manager', 'employee', 'client', 'user'],
    newcomer: 'user',
    holders: {
      'clients:read': ['admin', 'manager'],
      'clients:delete': ['admin', 'manager'],
      'clients:*': ['admin', 'manager'],
      'clients:read_assigned': ['admin', 'manager', 'employee'],
      'clients:read_own': ['admin', 'manager', 'client'],
      'clients:update_own': ['admin', 'manager', 'client'],
      'insights:add': ['admin', 'manager', 'employee'],
      'insights:delete': ['admin', 'manager'],
      'profile:read': ['admin', 'manager', 'employee', 'client', 'user'],
      'users:read': ['admin', 'manager'],
      'users:grant': ['admin', 'manager'],
      'users:write': ['admin'],
      'users:delete': ['admin'],
      'api_keys:read': ['admin'],
      'api_keys:write': ['admin'],
      'roles:read': ['admin'],
      'roles:write': ['admin'],
      'audit:read': ['admin'],
      'organizations:read': ['admin'],
      'organizations:write': ['admin'],
      'connections:read': ['admin'],
      'connections:write': ['admin'],
      // `clients:*` of a manager is about the customers of a business
      'oauth_clients:read': ['admin'],
      'oauth_clients:write': ['admin'],
      'impersonation:create': ['admin'],
      'revocations:read': ['admin'],
      'metrics:read': ['admin'],
      'anything:at_all': ['admin'],
    },
  },
} as const satisfies Record<string, unknown>

/** The roles that a holder of each role may grant and revoke. */
const GRANTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  ladder: {
    super_admin: ['super_admin', 'administrator', 'manager', 'staff', 'viewer'],
    administrator: ['manager', 'staff', 'viewer'],
    manager: ['staff', 'viewer'],
    staff: [],
    viewer: [],
  },
  'client-services': {
    admin: ['admin', 'manager', 'employee', 'client', 'user'],
    manager: ['employee', 'client', 'user'],
    employee: [],
    client: [],
    user: [],
  },
}

describe.each(['ladder', 'client-services'] as const)('the preset %s', (rolePreset) => {
  const { roles, newcomer, holders } = MATRIX[rolePreset]
  let world: World
  const people: Record<string, Person> = {}
  beforeAll(async () => {
    world = await startWorld({ rolePreset })
    for (const role of roles) people[role] = await holderOf(world, role)
  })
  afterAll(() => world.stop())
  const personOf = (role: string): Person => people[role] as Person

  it('has exactly these roles', async () => {
    const { data } = await personOf(roles[0]).client.get('/api/v1/roles')
    expect(data.map(({ name }: { name: string }) => name)).toEqual([...roles])
  })

  it('gives a new user the lowest role, and no verification, and refuses a request that names others', async () => {
    const fields = { email: 'new@example.com', password: PASSWORD }
    const more = { roles: [roles[0]], role: roles[0], is_verified: true }
    const refused = await world.client().post('/api/v1/auth/register', { ...fields, ...more })
    expect(refused.body.error.details.map(({ code }: { code: string }) => code)).toEqual(
      Array(3).fill('unknown'),
    )
    const { data } = await world.client().post('/api/v1/auth/register', fields)
    expect(data.user).toMatchObject({ role: newcomer, roles: [newcomer], is_verified: false })
    const early = await world
      .client()
      .post('/api/v1/auth/login', { username: 'new@example.com', password: PASSWORD })
    expect([early.status, early.code]).toEqual([403, 'EMAIL_NOT_VERIFIED'])
  })

  it.each(roles)('gives %s exactly these permissions', async (role) => {
    const wanted = Object.entries(holders).map(([name, by]) => [
      name,
      (by as readonly string[]).includes(role),
    ])
    const { client } = personOf(role)
    const { access } = await bearerOf(world, personOf(role))
    const validated = await client.get('/api/v1/auth/validate')
    const byToken = await world
      .client({ headers: { authorization: `Bearer ${access}` } })
      .get('/api/v1/auth/validate')
    const me = await client.get('/api/v1/auth/me')
    for (const { roles: named, role: one, permissions } of [validated.data, byToken.data, me.data.user]) {
      expect([named, one]).toEqual([[role], role])
      expect(wanted.map(([name]) => [name, can({ permissions }, String(name))])).toEqual(wanted)
    }
  })

  it.each(roles)('opens exactly the routes of its permissions to %s', async (role) => {
    const { client, id } = personOf(role)
    for (const row of world.app.rows.filter(({ needs }) => needs?.includes(':'))) {
      if (row.method !== 'GET' || row.kind === 'stream') continue
      const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const place = row.path.replace(':id', id).replace(':name', role)
      const { status } = await fetch(world.url + place, { headers: { cookie } })
      const may = (holders as Record<string, readonly string[]>)[row.needs ?? '']?.includes(role)
      expect(may, row.needs).toBeDefined()
      expect([row.name, status === 403]).toEqual([row.name, !may])
    }
  })

  it.each(roles)('lets %s grant and revoke exactly the roles of GRANTS', async (role) => {
    const other = await holderOf(world)
    for (const granted of roles) {
      await setRoles(world, other, [])
      const may = GRANTS[rolePreset]?.[role]?.includes(granted) === true
      const grant = await giveRoles(personOf(role).client, other, [granted])
      expect([granted, grant.status]).toEqual([granted, may ? 200 : 403])
      expect(await rolesOf(world, other)).toEqual(may ? [granted] : [])
      await setRoles(world, other, [granted])
      const revocation = await giveRoles(personOf(role).client, other, [])
      expect([granted, revocation.status]).toEqual([granted, may ? 200 : 403])
      expect(await rolesOf(world, other)).toEqual(may ? [] : [granted])
    }
  })
})

describe('a change', () => {
  let world: World
  let root: Person
  beforeAll(async () => {
    world = await startWorld()
    root = await holderOf(world, 'super_admin')
  })
  afterAll(() => world.stop())
  const statusOf = async (client: Client) => (await client.get('/api/v1/roles')).status

  it('of a user’s roles takes effect on the next request of every session, in both directions', async () => {
    const person = await holderOf(world, 'viewer')
    const { token, access } = await bearerOf(world, person)
    const sessions = [person.client, world.client({ headers: { authorization: `Bearer ${token}` } })]
    for (const session of sessions) expect(await statusOf(session)).toBe(403)
    expect((await giveRoles(root.client, person, ['super_admin'])).status).toBe(200)
    for (const session of sessions) expect(await statusOf(session)).toBe(200)
    // an access token with the old roles is refused, a new one has the new roles
    const old = world.client({ headers: { authorization: `Bearer ${access}` } })
    expect(await statusOf(old)).toBe(401)
    const powerful = await bearerOf(world, person)
    const byToken = world.client({ headers: { authorization: `Bearer ${powerful.access}` } })
    expect(await statusOf(byToken)).toBe(200)
    expect((await giveRoles(root.client, person, ['viewer'])).status).toBe(200)
    for (const session of sessions) expect(await statusOf(session)).toBe(403)
    expect(await statusOf(byToken)).toBe(401)
  })

  it('of a role takes effect for all who have it or inherit it, and for their keys', async () => {
    const made = await root.client.post('/api/v1/roles', { name: 'reader', permissions: ['roles:read'] })
    expect(made.status).toBe(201)
    await root.client.post('/api/v1/roles', { name: 'heir', inherits: ['reader'] })
    const heir = await holderOf(world, 'heir')
    const { access } = await bearerOf(world, heir)
    const byToken = world.client({ headers: { authorization: `Bearer ${access}` } })
    const fresh = world.client()
    await fresh.signIn(heir.email, PASSWORD)
    const { client: byKey } = await fresh.apiKey()
    for (const client of [heir.client, byToken, byKey]) expect(await statusOf(client)).toBe(200)
    expect((await root.client.patch('/api/v1/roles/reader', { permissions: [] })).status).toBe(200)
    expect(await statusOf(heir.client)).toBe(403)
    expect(await statusOf(byKey)).toBe(403)
    expect(await statusOf(byToken)).toBe(401)
    const others = world.client({
      headers: { authorization: `Bearer ${(await bearerOf(world, root)).access}` },
    })
    expect(await statusOf(others)).toBe(200)
  })

  it('applies to every request that starts after its answer, even among many concurrent ones', async () => {
    for (let round = 0; round < 5; round++) {
      const person = await holderOf(world, 'super_admin')
      const { token, access } = await bearerOf(world, person)
      const clients = [token, access].map((one) =>
        world.client({ headers: { authorization: `Bearer ${one}` } }),
      )
      let answeredAt = Number.POSITIVE_INFINITY
      const passed: number[] = []
      let isOver = false
      const asking = clients.flatMap((client) =>
        Array.from({ length: 4 }, async () => {
          while (!isOver) {
            const begun = performance.now()
            if ((await statusOf(client)) === 200) passed.push(begun)
          }
        }),
      )
      await expect.poll(() => passed.length).toBeGreaterThan(10)
      const change =
        round % 2 === 0
          ? await giveRoles(root.client, person, ['viewer'])
          : await root.client.send('PUT', `/api/v1/users/${person.id}/roles`, { roles: [] })
      answeredAt = performance.now()
      expect(change.status).toBe(200)
      await new Promise((resolve) => setTimeout(resolve, 50))
      isOver = true
      await Promise.all(asking)
      expect(passed.filter((begun) => begun > answeredAt)).toEqual([])
    }
  })
})

describe('the last administrator', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.stop())

  const asSystem = <T>(work: Parameters<typeof world.db.tx<T>>[1]) => world.db.tx('system', work)
  const administrators = () =>
    asSystem(async (tx) => {
      const rows = await tx.selectFrom('users').select(['id', 'roles', 'status']).execute()
      return rows.filter(({ roles, status }) => status === 'active' && roles.includes('super_admin'))
    })
  const asOperator = (change: typeof deleteUser, person: Person): Promise<boolean> =>
    asSystem(async (tx) =>
      change(world.app.tools, tx, systemCall(world.clock.now()), await getUser(tx, person.id)),
    ).then(
      () => true,
      () => false,
    )
  const REMOVALS: Readonly<Record<string, (by: Person, whom: Person) => Promise<boolean>>> = {
    demote: async (by, whom) => (await giveRoles(by.client, whom, ['viewer'])).status === 200,
    resign: async (_by, whom) => (await giveRoles(whom.client, whom, [])).status === 200,
    disable: (_by, whom) => asOperator(disableUser, whom),
    delete: (_by, whom) => asOperator(deleteUser, whom),
    leave: async (_by, whom) =>
      (await whom.client.delete('/api/v1/users/me', { password: PASSWORD })).status === 200,
  }

  it.each(Object.keys(REMOVALS))('cannot be removed: %s', async (removal) => {
    await asSystem((tx) => tx.updateTable('users').set({ roles: [] }).execute())
    const one = await holderOf(world, 'super_admin')
    const second = await holderOf(world, 'administrator', 'viewer')
    expect(await REMOVALS[removal]?.(second, one)).toBe(false)
    expect(await administrators()).toHaveLength(1)
    expect((await one.client.get('/api/v1/roles')).status).toBe(200)
    const other = await holderOf(world, 'super_admin')
    expect(await REMOVALS[removal]?.(other, one)).toBe(true)
    expect((await administrators()).map(({ id }) => id)).toEqual([other.id])
  })

  it('gets the reason', async () => {
    await asSystem((tx) => tx.updateTable('users').set({ roles: [] }).execute())
    const one = await holderOf(world, 'super_admin')
    for (const reply of [
      await giveRoles(one.client, one, ['administrator']),
      await one.client.delete('/api/v1/users/me', { password: PASSWORD }),
    ]) {
      expect([reply.status, reply.code]).toEqual([409, 'CONFLICT'])
      expect(reply.body.error.details).toEqual({ reason: 'last_administrator' })
    }
    const page = await one.client.send(
      'POST',
      '/account/delete',
      { password: PASSWORD, csrf_token: one.client.csrfToken ?? '' },
      { form: true, headers: { accept: 'text/html' } },
    )
    expect(page.status).toBe(409)
    expect(page.text).toContain('last administrator')
    expect(await administrators()).toHaveLength(1)
  })

  it('does not count users who are disabled or not verified', async () => {
    await asSystem((tx) => tx.updateTable('users').set({ roles: [] }).execute())
    const [one, off, early] = [
      await holderOf(world, 'super_admin'),
      await holderOf(world, 'super_admin'),
      await holderOf(world, 'super_admin'),
    ]
    expect(await asOperator(disableUser, off)).toBe(true)
    await asSystem((tx) =>
      tx.updateTable('users').set({ status: 'pending' }).where('id', '=', early.id).execute(),
    )
    expect((await giveRoles(one.client, one, [])).status).toBe(409)
  })

  it('remains if administrators remove each other concurrently, by any means', {
    timeout: 300_000,
  }, async () => {
    const removals = Object.values(REMOVALS)
    for (let round = 0; round < 20; round++) {
      await asSystem((tx) => tx.updateTable('users').set({ roles: [] }).execute())
      const [one, two] = [await holderOf(world, 'super_admin'), await holderOf(world, 'super_admin')]
      const [first, second] = [
        removals[round % removals.length],
        removals[Math.floor(round / removals.length) % removals.length],
      ]
      const done = await Promise.all([first?.(one, two), second?.(two, one)])
      expect([round, done.filter(Boolean).length, (await administrators()).length]).toEqual([round, 1, 1])
    }
  })

  it('remains if many of them are demoted concurrently', async () => {
    for (let round = 0; round < 5; round++) {
      await asSystem((tx) => tx.updateTable('users').set({ roles: [] }).execute())
      const all = await Promise.all(Array.from({ length: 4 }, () => holderOf(world, 'super_admin')))
      await Promise.all(all.map((one, n) => giveRoles(one.client, all[(n + 1) % all.length] ?? one, [])))
      expect((await administrators()).length).toBeGreaterThan(0)
    }
  })
})
