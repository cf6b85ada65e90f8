/**
 * Isolation of users: no user reads or changes another user's data, neither through the API by guessed ids, nor in the
 * database (row-level security) by any statement that a bug could run for the user.
 */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CallerScope } from '../packages/server/src/base/db/types.ts'
import type { Json } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let ada: Person
let ben: Person
let benSession: string
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com', username: 'ada' })
  ben = await world.person({ email: 'ben@example.com', username: 'ben' })
  benSession = (await ben.client.get('/api/v1/auth/me')).data.session.id
})
afterAll(() => world.stop())

const assertBenUntouched = async (): Promise<void> => {
  const me = await ben.client.get('/api/v1/auth/me')
  expect(me.status).toBe(200)
  expect(me.data.user).toMatchObject({
    id: ben.id,
    email: ben.email,
    username: 'ben',
    full_name: null,
    roles: ['viewer'],
  })
  await world.client().signIn(ben.email, PASSWORD)
}

describe('through the API', () => {
  it('a user lists only their own sessions', async () => {
    const { data } = await ada.client.get('/api/v1/auth/sessions')
    const own = await world.db.tx('system', (tx) =>
      tx.selectFrom('sessions').select('id').where('user_id', '=', ada.id).execute(),
    )
    expect(data.map(({ id }: Json) => id).sort()).toEqual(own.map(({ id }) => id).sort())
  })

  it('another user’s session answers like one that does not exist, by API and page', async () => {
    const foreign = await ada.client.delete(`/api/v1/auth/sessions/${benSession}`)
    const absent = await ada.client.delete('/api/v1/auth/sessions/ses_00000000000000000000000000000000')
    expect([foreign.status, foreign.code]).toEqual([404, 'NOT_FOUND'])
    expect([foreign.status, foreign.body.error]).toEqual([absent.status, absent.body.error])
    const page = await ada.client.post(
      `/account/sessions/${benSession}/end`,
      {},
      { form: true, headers: { accept: 'text/html' } },
    )
    expect(page.status).toBe(404)
    await assertBenUntouched()
  })

  it('ending all other sessions ends only those of the user', async () => {
    await ada.client.delete('/api/v1/auth/sessions')
    await ada.client.post('/account/sessions/end-others', {}, { form: true })
    await assertBenUntouched()
  })

  it('another user cannot be read or changed by id, on any path', async () => {
    for (const path of [
      `/api/v1/users/${ben.id}`,
      `/api/v1/users/${ben.id}/sessions`,
      `/api/v1/users/me/../${ben.id}`,
      `/api/v1/users/%6d%65/${ben.id}`,
      `/account/${ben.id}`,
    ]) {
      for (const method of ['GET', 'PATCH', 'DELETE', 'POST']) {
        const { status } = await ada.client.send(
          method,
          path,
          method === 'GET' ? undefined : { full_name: 'Mallory', password: PASSWORD },
        )
        expect([path, method, [403, 404, 405].includes(status)]).toEqual([path, method, true])
      }
    }
    await assertBenUntouched()
  })

  it('fields that name another user are refused by the API, and ignored by forms', async () => {
    const extra = {
      id: ben.id,
      user_id: ben.id,
      email: ben.email,
      roles: ['super_admin'],
      role: 'super_admin',
      status: 'active',
      is_verified: true,
    }
    const refused = await ada.client.patch('/api/v1/users/me', { full_name: 'Ada Lovelace', ...extra })
    expect(refused.body.error.details).toMatchObject(
      Object.keys(extra).map((field) => ({ field, code: 'unknown' })),
    )
    const patched = await ada.client.patch('/api/v1/users/me', { full_name: 'Ada Lovelace' })
    expect(patched.data).toMatchObject({
      id: ada.id,
      email: ada.email,
      full_name: 'Ada Lovelace',
      roles: ['viewer'],
    })
    await ada.client.post(
      '/account',
      { full_name: 'Ada', username: 'ada', locale: '', user_id: ben.id, roles: 'super_admin' },
      { form: true },
    )
    const registered = await world
      .client()
      .post('/api/v1/auth/register', { email: 'eve@example.com', password: PASSWORD })
    expect(registered.data.user).toMatchObject({ roles: ['viewer'], is_verified: false })
    expect(registered.data.user.id).not.toBe(ben.id)
    await assertBenUntouched()
  })
})

describe('in the database, as the role of requests', () => {
  const scopeOf = (person: Person): CallerScope => ({
    userId: person.id,
    organizationId: null,
    permissions: [],
  })
  /** Runs a statement in Ada's scope. @returns its rows, or 'denied' */
  const asAda = async (statement: string, scope = scopeOf(ada)): Promise<Json[] | 'denied'> => {
    try {
      return await world.db.tx(scope, async (tx) => (await sql.raw<Json>(statement).execute(tx)).rows)
    } catch (error) {
      if (
        /permission denied|violates row-level security|must be (?:owner|member)|not allowed|cannot set parameter "role"/i.test(
          String(error),
        )
      )
        return 'denied'
      throw error
    }
  }
  const PERSONAL = [
    'users',
    'emails',
    'passwords',
    'password_history',
    'links',
    'sessions',
    'attempts',
    'devices',
    'failures',
    'audit_events',
    'letters',
    'jobs',
    'recurring',
  ]

  it('every table has row-level security, forced for its owner as well', async () => {
    const tables = await world.db.tx(
      'system',
      async (tx) =>
        (
          await sql<{ name: string; on: boolean }>`
      select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as on
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'latchkey' and c.relkind in ('r', 'p') and c.relname <> 'migrations'`.execute(tx)
        ).rows,
    )
    expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(PERSONAL))
    expect(tables.filter(({ on }) => !on)).toEqual([])
  })

  it('no row of another user is read', async () => {
    for (const table of PERSONAL) {
      const rows = await asAda(`select * from latchkey.${table}`)
      if (rows === 'denied') continue
      const foreign = rows.filter((row) => (table === 'users' ? row.id : row.user_id) !== ada.id)
      expect([table, foreign]).toEqual([table, []])
    }
    expect(await asAda('select id from latchkey.users')).toEqual([{ id: ada.id }])
    expect(await asAda('select hash from latchkey.passwords')).toBe('denied')
  })

  it('no row of another user is changed or deleted, and none is created for another user', async () => {
    const attempts = [
      `update latchkey.users set full_name = 'Mallory' where id = '${ben.id}' returning id`,
      `delete from latchkey.users where id = '${ben.id}' returning id`,
      `update latchkey.sessions set ended_at = now(), end_reason = 'revoked' where user_id = '${ben.id}' returning id`,
      `update latchkey.sessions set user_id = '${ada.id}' where id = '${benSession}' returning id`,
      `delete from latchkey.sessions where user_id = '${ben.id}' returning id`,
      `update latchkey.emails set user_id = '${ada.id}' where user_id = '${ben.id}' returning id`,
      `update latchkey.passwords set hash = 'x' where user_id = '${ben.id}' returning user_id`,
      `insert into latchkey.audit_events (id, at, event_type, user_id, details) values ('aud_x', now(), 'auth.logout', '${ben.id}', '{}')`,
      `insert into latchkey.users (id, status, roles, created_at, updated_at) values ('usr_x', 'active', '{super_admin}', now(), now())`,
      `update latchkey.users set roles = '{super_admin}' where id = '${ada.id}' returning id`,
      `update latchkey.users set status = 'active' where id = '${ada.id}' returning id`,
      `update latchkey.users set id = '${ben.id}' where id = '${ada.id}' returning id`,
      `insert into latchkey.sessions select 'ses_x', '${ada.id}', '\\x00', created_at, created_at, created_at, expires_at, 1, false, amr from latchkey.sessions limit 1`,
    ] // biome-ignore format: a list
    for (const attempt of attempts) {
      const rows = await asAda(attempt)
      expect([attempt, rows === 'denied' || rows.length === 0]).toEqual([attempt, true])
    }
    await assertBenUntouched()
  })

  it('settings end with their transaction and reach no other', async () => {
    await asAda("select set_config('role', 'latchkey_system', true)")
    expect(await asAda('select current_user as who')).toEqual([{ who: 'latchkey_request' }])
    await asAda(`select set_config('latchkey.user_id', '${ben.id}', false)`)
    expect(await asAda('select id from latchkey.users')).toEqual([{ id: ada.id }])
    expect(await asAda('select latchkey.user_id() as id', scopeOf(ben))).toEqual([{ id: ben.id }])
  })

  it('a scope without a user reads nothing', async () => {
    const anonymous: CallerScope = { userId: '', organizationId: null, permissions: ['*'] }
    expect(await asAda('select id from latchkey.users', anonymous)).toEqual([])
    expect(await asAda('select id from latchkey.sessions', anonymous)).toEqual([])
  })

  it('concurrent callers never see each other’s rows', async () => {
    const people = [ada, ben]
    const seen = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const person = people[n % 2] ?? ada
        const rows = await world.db.tx(scopeOf(person), (tx) => tx.selectFrom('users').select('id').execute())
        return rows.length === 1 && rows[0]?.id === person.id
      }),
    )
    expect(seen.filter((own) => !own)).toEqual([])
  })
})
