/** Looking after people's accounts, from above, from below, and by key. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Json, Reply } from '../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../testing/world.ts'

let world: World
let root: Person
let admin: Person
let manager: Person
let staff: Person
let viewer: Person
let target: Person

const giveRoles = (person: { id: string }, ...roles: string[]) =>
  world.db.tx('system', (tx) => tx.updateTable('users').set({ roles }).where('id', '=', person.id).execute())
const stored = (id: string) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
  )
const lastEvent = async (userId: string, type: string): Promise<Json> => {
  const { rows } = await world.db.tx('system', async (tx) => ({
    rows: await tx
      .selectFrom('audit_events')
      .selectAll()
      .where('user_id', '=', userId)
      .where('event_type', '=', type)
      .orderBy('id', 'desc')
      .execute(),
  }))
  return rows[0]
}
const keyOf = async (person: Person, permissions: string[]): Promise<Client> => {
  const made = await person.client.post('/api/v1/auth/api-keys', { name: 'k', scopes: permissions })
  expect(made.status, made.text).toBe(201)
  return world.client({ headers: { 'x-api-key': made.data.key } })
}
const outcome = ({ status, code }: Reply) => [status, code]
const at = (id: string, more = '') => `/api/v1/users/${id}${more}`

beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  root = await world.person({ email: 'root@example.com', username: 'root' })
  admin = await world.person({ email: 'admin@example.com', username: 'administrator' })
  manager = await world.person({ email: 'manager@example.com', username: 'manager' })
  staff = await world.person({ email: 'staff@example.com' })
  viewer = await world.person({ email: 'viewer@example.com' })
  target = await world.person({ email: 'target@example.com', username: 'target' })
  await giveRoles(root, 'super_admin')
  await giveRoles(admin, 'administrator')
  await giveRoles(manager, 'manager')
  await giveRoles(staff, 'staff')
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

describe('whoever may not', () => {
  it('is refused every row from below, and nothing changes', async () => {
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

  it('is refused what reaches beyond them, and that they tried is written down', async () => {
    for (const above of [admin, root]) {
      const before = await stored(above.id)
      for (const row of ROWS(above.id).filter((one) => !reads(one) && one[1].includes(above.id))) {
        const reply = await manager.client.send(row[0], row[1], row[2])
        expect([row[0], row[1], ...outcome(reply)]).toEqual([row[0], row[1], 403, 'INSUFFICIENT_PERMISSIONS'])
        expect(reply.body.error.details.reason).toBe('beyond_own')
        expect((await lastEvent(manager.id, 'access.denied')).details.target).toBe(above.id)
      }
      expect(await stored(above.id)).toEqual(before)
      expect((await above.client.get('/api/v1/auth/me')).status).toBe(200)
    }
  })

  it('does none of it by a key without the scope, and all of it but what is fresh by a key with it', async () => {
    const less = await keyOf(manager, ['users:read'])
    for (const [method, path, body] of ROWS(target.id)) {
      const { status } = await less.send(method, path, body)
      expect([method, path, status]).toEqual([method, path, method === 'GET' ? 200 : 403])
    }
    // whose key lacks what the person may do acts on nobody
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

  it('finds nobody under an id that is none', async () => {
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

  it('locks, disables and deletes neither themselves nor the last administrator', async () => {
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
    // the other one is locked out: whoever is left is the last
    const reply = await world.db.tx('system', async (tx) => {
      const { isLastAdministrator } = await import('../users/sql.ts')
      return await isLastAdministrator(tx, second.id)
    })
    expect(reply).toBe(true)
    await second.client.post(at(root.id, '/unlock'))
    await root.client.delete(at(second.id))
  })

  it('of two administrators who take each other away at once, one stays', async () => {
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

describe('a search', () => {
  const find = async (query: Record<string, string>): Promise<string[]> => {
    const reply = await manager.client.get(`/api/v1/users?${new URLSearchParams(query)}`)
    expect(reply.status, reply.text).toBe(200)
    return reply.data.map((user: Json) => user.email)
  }
  beforeAll(async () => {
    for (const [email, username, full_name] of [
      ['ada.lovelace@find.example', 'countess', 'Ada Lovelace'],
      ['zoe@find.example', 'adalind', 'Zoë Ångström'],
      ['percent@find.example', 'p_rcent', '100% _under\\score'],
      ['plain@find.example', 'pxrcent', '100x xunder'],
    ])
      await root.client.post('/api/v1/users', { email, username, full_name, send_invitation: false })
  })

  it('finds what a username, an address or a name begins with, in any spelling, each person once', async () => {
    expect(await find({ search: 'ada' })).toEqual(['ada.lovelace@find.example', 'zoe@find.example'])
    expect(await find({ search: 'COUNT' })).toEqual(['ada.lovelace@find.example'])
    expect(await find({ search: 'zoë å' })).toEqual(['zoe@find.example'])
    expect(await find({ search: ' ＡＤＡ.Love ' })).toEqual(['ada.lovelace@find.example'])
    // decomposed, as some keyboards write it
    expect(await find({ search: 'zoë ångström' })).toEqual(['zoe@find.example'])
    expect(await find({ search: 'lovelace' })).toEqual([])
    expect(await find({ search: '' })).toContain('zoe@find.example')
    expect(await find({ search: '  ' })).toContain('zoe@find.example')
  })

  it('takes wildcards, patterns and quotes as plain text', async () => {
    expect(await find({ search: '100%' })).toEqual(['percent@find.example'])
    expect(await find({ search: 'p_r' })).toEqual(['percent@find.example'])
    expect(await find({ search: '100% _under\\' })).toEqual(['percent@find.example'])
    for (const search of ['%', '_', '*', '.*', "'", '\\', "' or 1=1 --", '\u{10ffff}'])
      expect(await find({ search })).toEqual([])
  })

  it('goes with every filter', async () => {
    const [zoe] = (await manager.client.get('/api/v1/users?search=zoe@')).data
    await root.client.post(at(zoe.id, '/lock'), { minutes: 5 })
    expect(await find({ search: 'ada', status: 'locked' })).toEqual(['zoe@find.example'])
    expect(await find({ search: 'ada', status: 'active' })).toEqual(['ada.lovelace@find.example'])
    expect(await find({ search: 'ada', role: 'viewer' })).toHaveLength(2)
    expect(await find({ search: 'ada', role: 'manager' })).toEqual([])
    expect(await find({ search: 'ada', created_after: '2031-01-01T00:00:00Z' })).toEqual([])
    expect(await find({ search: 'ada', created_before: '2031-01-01T00:00:00+02:00' })).toHaveLength(2)
    expect(await find({ status: 'locked' })).toEqual(['zoe@find.example'])
    await world.clock.advance('6 minutes')
    await manager.client.signIn(manager.email, PASSWORD)
    expect(await find({ status: 'locked' })).toEqual([])
    expect(await find({ role: 'super_admin' })).toEqual(['root@example.com'])
    expect(await find({ role: 'nobody' })).toEqual([])
    expect(await find({ created_after: '2031-01-01T00:00:00Z' })).toEqual([])
    await root.client.signIn(root.email, PASSWORD)
  })

  it('pages through everybody once, in either order, whatever is filtered', async () => {
    const total = await world.db.tx(
      'system',
      async (tx) => (await tx.selectFrom('users').select('id').execute()).length,
    )
    const walk = async (query: Record<string, string>): Promise<Json[]> => {
      const seen: Json[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const asked: URLSearchParams = new URLSearchParams({
          ...query,
          limit: '3',
          ...(cursor ? { cursor } : {}),
        })
        const reply: Reply = await manager.client.get(`/api/v1/users?${asked}`)
        expect(reply.status, reply.text).toBe(200)
        seen.push(...reply.data)
        cursor = reply.body.metadata.next_cursor ?? null
      }
      return seen
    }
    const newest = await walk({})
    expect(new Set(newest.map(({ id }) => id)).size).toBe(total)
    expect(newest).toHaveLength(total)
    expect((await walk({ sort: 'created_at' })).map(({ id }) => id)).toEqual(
      newest.map(({ id }) => id).reverse(),
    )
    expect((await walk({ role: 'viewer' })).map(({ id }) => id)).toEqual(
      newest.filter(({ roles }) => roles.includes('viewer')).map(({ id }) => id),
    )
    const found = await walk({ search: 'p' })
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length)
    expect(found.length).toBeGreaterThan(1)
  })

  it('refuses forged cursors, cursors of other lists, orders and filters that there are not', async () => {
    const { body } = await manager.client.get('/api/v1/users?limit=1')
    const cursor = String(body.metadata.next_cursor)
    expect((await manager.client.get(`/api/v1/users?cursor=${cursor}`)).status).toBe(200)
    for (const query of [
      `cursor=${cursor}x`,
      `cursor=${cursor.slice(1)}`,
      'cursor=usr_1',
      'cursor=',
      `cursor=${cursor}&sort=created_at`,
      `cursor=${cursor}&search=a`,
      `cursor=${cursor}&role=viewer`,
      'sort=email',
      'sort=created_at;drop',
      'status=admin',
      'limit=0',
      'limit=101',
      'limit=x',
      'created_after=yesterday',
      'search=a&sort=created_at',
    ]) {
      // biome-ignore format: a table
      expect([query, ...outcome(await manager.client.get(`/api/v1/users?${query}`))]).toEqual([query, 400, 'VALIDATION_ERROR'])
    }
    expect(outcome(await manager.client.get(`/api/v1/audit-logs?cursor=${cursor}`))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await root.client.get(`/api/v1/audit-logs?cursor=${cursor}`))).toEqual([
      400,
      'VALIDATION_ERROR',
    ])
  })
})

describe('making an account', () => {
  it('without a password sends a link to choose one, which verifies the address', async () => {
    const made = await manager.client.post('/api/v1/users', {
      email: 'New@Made.example',
      username: 'newly',
      full_name: 'New One',
      locale: 'de',
    })
    expect([made.status, made.data.status, made.data.roles, made.data.is_verified]).toEqual([
      201,
      'active',
      ['viewer'],
      false,
    ])
    const letter = await world.mailbox.letterTo('New@Made.example')
    expect(letter.subject).toMatch(/Ihr Konto/)
    const token = await world.mailbox.tokenFor('New@Made.example', /reset-password/)
    await world.clock.advance('6 days')
    const password = 'another good long password'
    expect((await world.client().post('/api/v1/auth/password/reset', { token, password })).status).toBe(200)
    expect((await world.client().signIn('newly', password)).data.user).toMatchObject({
      id: made.data.id,
      is_verified: true,
    })
    expect((await lastEvent(made.data.id, 'user.created')).details).toMatchObject({
      by: manager.id,
      roles: ['viewer'],
    })
    for (const one of [manager, root, admin, target, viewer, staff])
      await one.client.signIn(one.email, PASSWORD)
  })

  it('with a password and a vouched address lets them in at once, and sends nothing', async () => {
    const made = await manager.client.post('/api/v1/users', {
      email: 'at.once@made.example',
      password: PASSWORD,
      is_verified: true,
    })
    expect([made.status, made.data.is_verified]).toEqual([201, true])
    expect((await world.client().signIn('at.once@made.example', PASSWORD)).status).toBe(200)
    expect(
      (await world.mailbox.lettersTo('at.once@made.example')).filter(({ links }) =>
        links.some((link) => link.includes('reset-password?token')),
      ),
    ).toEqual([])
  })

  it('gives no role beyond the maker’s, and none that there is not', async () => {
    const make = (client: Client, roles: string[]) =>
      client.post('/api/v1/users', { email: `r${Math.random()}@made.example`, roles, send_invitation: false })
    expect((await make(manager.client, ['staff'])).data.roles).toEqual(['staff'])
    for (const roles of [['super_admin'], ['administrator'], ['manager'], ['viewer', 'super_admin']])
      expect(outcome(await make(manager.client, roles))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect(outcome(await make(root.client, ['nobody']))).toEqual([400, 'VALIDATION_ERROR'])
    expect((await make(root.client, ['super_admin'])).data.roles).toEqual(['super_admin'])
    const key = await keyOf(manager, ['users:*'])
    expect(outcome(await make(key, ['staff']))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    expect((await make(key, ['viewer'])).status).toBe(201)
  })

  it('refuses what is taken or weak, and takes nothing that it does not declare', async () => {
    expect(outcome(await manager.client.post('/api/v1/users', { email: 'TARGET@example.com' }))).toEqual([
      409,
      'CONFLICT',
    ])
    expect(
      outcome(await manager.client.post('/api/v1/users', { email: 'x@made.example', username: 'Target' })),
    ).toEqual([409, 'CONFLICT'])
    expect(
      outcome(await manager.client.post('/api/v1/users', { email: 'x@made.example', password: 'short' })),
    ).toEqual([400, 'VALIDATION_ERROR'])
    const made = await manager.client.post(
      '/api/v1/users',
      '{"email":"mass@made.example","id":"usr_1","status":"disabled","locked_until":"2040-01-01T00:00:00Z","role":"super_admin","permissions":["*"],"__proto__":{"roles":["super_admin"]}}',
    )
    // a key like __proto__ may be refused outright; what is made holds nothing of it
    expect([201, 400]).toContain(made.status)
    if (made.status === 201)
      expect(made.data).toMatchObject({ status: 'active', roles: ['viewer'], locked_until: null })
  })

  it('of many who make the same account at once lets one', async () => {
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => manager.client.post('/api/v1/users', { email: 'raced@made.example' })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409])
  })
})

describe('changing an account', () => {
  it('changes what is given and nothing else, and says who did it', async () => {
    const one = await world.person({ username: 'changed' })
    const reply = await manager.client.patch(at(one.id), {
      full_name: 'Grace Hopper',
      locale: 'de',
      status: 'disabled',
      roles: ['super_admin'],
      role: 'super_admin',
      locked_until: null,
      id: target.id,
    })
    expect(reply.data).toMatchObject({
      id: one.id,
      full_name: 'Grace Hopper',
      locale: 'de',
      username: 'changed',
      status: 'active',
      roles: ['viewer'],
    })
    expect((await lastEvent(one.id, 'user.updated')).details).toEqual({
      by: manager.id,
      fields: ['full_name', 'locale'],
    })
    expect((await manager.client.get('/api/v1/users?search=grace')).data).toHaveLength(1)
    expect(outcome(await manager.client.patch(at(one.id), { username: 'TARGET' }))).toEqual([409, 'CONFLICT'])
    expect((await manager.client.patch(at(one.id), { username: null, full_name: null })).data).toMatchObject({
      username: null,
      full_name: null,
    })
    expect((await manager.client.get('/api/v1/users?search=grace')).data).toEqual([])
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('moves an address: unverified, sessions and links of the old one end, both hear of it', async () => {
    const one = await world.person({ email: 'before@move.example' })
    await manager.client.post(at(one.id, '/password-reset'))
    const old = await world.mailbox.tokenFor('before@move.example', /reset-password/)
    const moved = await manager.client.patch(at(one.id), { email: 'after@move.example' })
    expect(moved.data).toMatchObject({ email: 'after@move.example', is_verified: false })
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(401)
    expect(
      outcome(
        await world
          .client()
          .post('/api/v1/auth/password/reset', { token: old, password: 'some other good password' }),
      ),
    ).toEqual([401, 'INVALID_TOKEN'])
    for (const address of ['before@move.example', 'after@move.example'])
      expect((await world.mailbox.letterTo(address, /address of your account/)).text).not.toContain(
        'move.example',
      )
    const token = await world.mailbox.tokenFor('after@move.example', /verify-email/)
    expect(
      outcome(
        await world
          .client()
          .post('/api/v1/auth/login', { username: 'before@move.example', password: PASSWORD }),
      ),
    ).toEqual([401, 'AUTHENTICATION_FAILED'])
    expect((await world.client().post('/api/v1/auth/verify-email', { token })).status).toBe(200)
    expect((await world.client().signIn('after@move.example', PASSWORD)).status).toBe(200)
    expect((await lastEvent(one.id, 'user.email_changed')).details).toEqual({
      by: manager.id,
      from: 'before@move.example',
      to: 'after@move.example',
    })
    expect(outcome(await manager.client.patch(at(one.id), { email: 'target@example.com' }))).toEqual([
      409,
      'CONFLICT',
    ])
    // another spelling is the same address
    const spelt = await manager.client.patch(at(one.id), { email: 'After@Move.example' })
    expect(spelt.data).toMatchObject({ email: 'After@Move.example', is_verified: true })
    const vouched = await manager.client.patch(at(one.id), { email: 'third@move.example', is_verified: true })
    expect(vouched.data).toMatchObject({ email: 'third@move.example', is_verified: true })
  })

  it('vouches for an address, and takes that back', async () => {
    const reply = await world
      .client()
      .post('/api/v1/auth/register', { email: 'pending@move.example', password: PASSWORD })
    const { id } = reply.data.user
    expect((await manager.client.get(at(id))).data.status).toBe('pending')
    expect((await manager.client.patch(at(id), { is_verified: true })).data).toMatchObject({
      status: 'active',
      is_verified: true,
    })
    expect((await world.client().signIn('pending@move.example', PASSWORD)).status).toBe(200)
    expect((await manager.client.patch(at(id), { is_verified: false })).data).toMatchObject({
      status: 'active',
      is_verified: false,
    })
    expect(
      outcome(
        await world
          .client()
          .post('/api/v1/auth/login', { username: 'pending@move.example', password: PASSWORD }),
      ),
    ).toEqual([403, 'EMAIL_NOT_VERIFIED'])
  })

  it('is one change of many at once, and leaves the address with one owner', async () => {
    const people = await Promise.all([1, 2, 3, 4].map(() => world.person({ signIn: false })))
    const replies = await Promise.all(
      people.map(({ id }) => manager.client.patch(at(id), { email: 'wanted@move.example' })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  })
})

describe('a lock', () => {
  const everything = async (person: Person) => {
    const { data } = await person.client.signIn(person.email, PASSWORD, { tokens: true })
    const made = await person.client.post('/api/v1/auth/api-keys', { name: 'k' })
    const me = (headers: Record<string, string>) => world.client({ headers }).get('/api/v1/auth/me')
    return {
      session: () => me({ authorization: `Bearer ${data.token}` }),
      cookie: () => person.client.get('/api/v1/auth/me'),
      token: () => me({ authorization: `Bearer ${data.access_token}` }),
      key: () => world.client({ headers: { 'x-api-key': made.data.key } }).get('/api/v1/auth/validate'),
      refresh: () => world.client().post('/api/v1/auth/refresh', { refresh_token: data.refresh_token }),
      login: () => world.client().post('/api/v1/auth/login', { username: person.email, password: PASSWORD }),
    }
  }
  const statuses = async (all: Awaited<ReturnType<typeof everything>>) =>
    Object.fromEntries(
      await Promise.all(Object.entries(all).map(async ([name, ask]) => [name, (await ask()).status])),
    )

  it('stops everything at once, for a time; keys go on after it, what was ended does not', async () => {
    const one = await world.person()
    const all = await everything(one)
    expect(await statuses({ ...all, refresh: all.session })).toEqual({
      session: 200,
      cookie: 200,
      token: 200,
      key: 200,
      refresh: 200,
      login: 200,
    })
    const locked = await manager.client.post(at(one.id, '/lock'), { minutes: 10, reason: 'Odd sign-ins' })
    expect(locked.data.status).toBe('locked')
    expect(
      Math.abs(Date.parse(locked.data.locked_until) - world.clock.now().getTime() - 600_000),
    ).toBeLessThan(5000)
    expect(await statuses(all)).toEqual({
      session: 423,
      cookie: 423,
      token: 401,
      key: 401,
      refresh: 401,
      login: 423,
    })
    const refused = await all.login()
    expect(refused.code).toBe('ACCOUNT_LOCKED')
    expect(refused.body.error.details.lockout_duration).toBeGreaterThan(590)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(600)
    // whoever does not know the password learns nothing of it
    expect(
      outcome(await world.client().post('/api/v1/auth/login', { username: one.email, password: 'wrong' })),
    ).toEqual([401, 'AUTHENTICATION_FAILED'])
    expect((await lastEvent(one.id, 'user.locked')).details).toMatchObject({
      by: manager.id,
      reason: 'Odd sign-ins',
      until: expect.any(String),
    })
    await world.clock.advance('11 minutes')
    expect(await statuses(all)).toEqual({
      session: 401,
      cookie: 401,
      token: 401,
      key: 200,
      refresh: 401,
      login: 200,
    })
  })

  it('lets sessions rest where that is asked for', async () => {
    const one = await world.person()
    const all = await everything(one)
    await manager.client.post(at(one.id, '/lock'), { end_sessions: false })
    expect(await statuses(all)).toEqual({
      session: 423,
      cookie: 423,
      token: 401,
      key: 401,
      refresh: 401,
      login: 423,
    })
    const { body } = await all.login()
    expect(body.error.details ?? null).toBe(null)
    expect((await manager.client.post(at(one.id, '/unlock'))).data).toMatchObject({
      status: 'active',
      locked_until: null,
    })
    expect(await statuses(all)).toEqual({
      session: 200,
      cookie: 200,
      token: 401,
      key: 200,
      refresh: 200,
      login: 200,
    })
  })

  it('is replaced by a second, refuses what makes no sense, and is lifted with the failures that were counted', async () => {
    const one = await world.person({ signIn: false })
    for (const body of [
      { minutes: 0 },
      { minutes: 1.5 },
      { until: '2020-01-01T00:00:00Z' },
      { until: 'x' },
      { minutes: 5, until: '2040-01-01T00:00:00Z' },
      { reason: 'x'.repeat(501) },
    ])
      expect(outcome(await manager.client.post(at(one.id, '/lock'), body))).toEqual([400, 'VALIDATION_ERROR'])
    await manager.client.post(at(one.id, '/lock'), {})
    expect(
      (await manager.client.post(at(one.id, '/lock'), { until: '2040-01-01T00:00:00Z' })).data.locked_until,
    ).toBe('2040-01-01T00:00:00.000Z')
    await manager.client.post(at(one.id, '/unlock'))
    const guess = () => world.client().post('/api/v1/auth/login', { username: one.email, password: 'wrong' })
    for (let n = 0; n < 6; n++) await guess()
    expect((await guess()).status).toBe(423)
    expect((await manager.client.get(at(one.id))).data.status).toBe('active')
    await manager.client.post(at(one.id, '/unlock'))
    expect((await world.client().signIn(one.email, PASSWORD)).status).toBe(200)
    expect(await world.events(one.id)).toContain('user.unlocked')
  })

  it('disabling and deleting stop everything at once as well', async () => {
    const [one, two] = [await world.person(), await world.person()]
    const [first, second] = [await everything(one), await everything(two)]
    expect((await manager.client.post(at(one.id, '/disable'), { reason: 'Left' })).data.status).toBe(
      'disabled',
    )
    expect(await statuses(first)).toEqual({
      session: 403,
      cookie: 403,
      token: 401,
      key: 401,
      refresh: 401,
      login: 403,
    })
    expect((await lastEvent(one.id, 'user.disabled')).details).toEqual({ by: manager.id, reason: 'Left' })
    expect(outcome(await manager.client.post(at(one.id, '/disable')))).toEqual([409, 'CONFLICT'])
    expect(outcome(await manager.client.post(at(one.id, '/password-reset')))).toEqual([409, 'CONFLICT'])
    expect((await manager.client.post(at(one.id, '/enable'))).data.status).toBe('active')
    expect((await first.login()).status).toBe(200)
    await manager.client.signIn(manager.email, PASSWORD)
    expect((await manager.client.delete(at(two.id))).status).toBe(200)
    expect(await statuses(second)).toEqual({
      session: 401,
      cookie: 401,
      token: 401,
      key: 401,
      refresh: 401,
      login: 401,
    })
    expect((await manager.client.get(at(two.id))).status).toBe(404)
    expect((await lastEvent(two.id, 'user.deleted')).details).toEqual({ by: manager.id })
  })

  it('deleting asks for a fresh proof', async () => {
    const one = await world.person({ signIn: false })
    await world.clock.advance('11 minutes')
    expect(outcome(await manager.client.delete(at(one.id)))).toEqual([401, 'STEP_UP_REQUIRED'])
    await manager.client.signIn(manager.email, PASSWORD)
    expect((await manager.client.delete(at(one.id))).status).toBe(200)
  })
})

describe('somebody’s sessions', () => {
  it('are listed and ended, one or all, and none of another', async () => {
    const one = await world.person()
    await target.client.signIn(target.email, PASSWORD)
    const other = (await target.client.get('/api/v1/auth/me')).data.session.id
    const second = world.client()
    await second.signIn(one.email, PASSWORD)
    const { data } = await manager.client.get(at(one.id, '/sessions'))
    expect(data).toHaveLength(2)
    expect(JSON.stringify(data)).not.toMatch(/token|hash/)
    expect(outcome(await manager.client.delete(at(one.id, `/sessions/${other}`)))).toEqual([404, 'NOT_FOUND'])
    const id = (await second.get('/api/v1/auth/me')).data.session.id
    expect((await manager.client.delete(at(one.id, `/sessions/${id}`))).status).toBe(200)
    expect([
      (await second.get('/api/v1/auth/me')).status,
      (await one.client.get('/api/v1/auth/me')).status,
    ]).toEqual([401, 200])
    expect((await manager.client.delete(at(one.id, '/sessions'))).data).toEqual({ ended: 1 })
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(401)
    expect((await lastEvent(one.id, 'auth.session.revoked')).details).toEqual({
      by: manager.id,
      reason: 'revoked',
    })
    expect((await target.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('a reset is sent at most once a minute and ends nothing', async () => {
    const one = await world.person()
    expect((await manager.client.post(at(one.id, '/password-reset'))).status).toBe(200)
    const again = await manager.client.post(at(one.id, '/password-reset'))
    expect([...outcome(again), again.headers.get('retry-after')]).toEqual([429, 'RATE_LIMIT_EXCEEDED', '60'])
    expect(
      (await world.mailbox.lettersTo(one.email)).filter(({ subject }) => /Reset/.test(subject)),
    ).toHaveLength(1)
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(200)
    expect((await lastEvent(one.id, 'auth.password.reset_requested')).details).toEqual({ by: manager.id })
  })
})
