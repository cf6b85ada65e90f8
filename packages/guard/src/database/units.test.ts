/** Units of work, with the same behaviour for pg (pooled, pipelined, one client), Kysely and Drizzle. */
import { setTimeout as pause } from 'node:timers/promises'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect, sql } from 'kysely'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runAs } from '../principal.ts'
import { type AppDatabase, NOTES, openAppDatabase } from '../testing/databases.ts'
import { unitOfWork as drizzleUnits } from './drizzle.ts'
import { unitOfWork as kyselyUnits } from './kysely.ts'
import { unitOfWork as pgUnits, TransactionRolledBack } from './pg.ts'
import type { Caller, UnitOfWork, UnitOptions } from './unit.ts'

let app: AppDatabase
let pool: pg.Pool
let pipelined: pg.Pool
let client: pg.Client
beforeAll(async () => {
  app = await openAppDatabase(NOTES)
  pool = app.pool()
  // PGlite has one connection, so that all drivers share one pool
  pipelined = app.pool({ pipeline: true } as pg.PoolConfig)
  client = app.client()
  await client.connect()
})
afterAll(() => app.close())
beforeEach(() =>
  app.owner(`truncate notes; set role app_request; select set_config('latchkey.user_id', 'seed', false), set_config('latchkey.permissions', '*', false);
    select set_config('latchkey.organization_id', 'org_a', false);
    insert into notes (organization_id, author, body) values ('org_a', 'seed', 'a1'), ('org_a', 'seed', 'a2');
    select set_config('latchkey.organization_id', 'org_b', false);
    insert into notes (organization_id, author, body) values ('org_b', 'seed', 'b1');
    reset role; reset all`),
)

const ann: Caller = { userId: 'ann', organizationId: 'org_a', permissions: ['notes:*'] }
const bob: Caller = { userId: 'bob', organizationId: 'org_b', permissions: ['notes:read'] }
type Row = Record<string, unknown>
/** Runs a statement in a unit, for any driver. */
type Ask = (text: string, values?: unknown[]) => Promise<Row[]>
type Units = (options: UnitOptions) => UnitOfWork<Ask>

const overPg =
  (database: () => pg.Pool | pg.Client): Units =>
  (options) =>
    asking(
      pgUnits(database() as pg.Pool, options),
      (tx) => async (text, values) => (await tx.query(text, values)).rows,
    )

/** The units of a driver, with a common function to run statements. */
function asking<Tx>(units: UnitOfWork<Tx>, ask: (tx: Tx) => Ask): UnitOfWork<Ask> {
  return <T>(...given: [(tx: Ask) => Promise<T>] | [Caller | null | undefined, (tx: Ask) => Promise<T>]) =>
    given.length === 1 ? units((tx) => given[0](ask(tx))) : units(given[0], (tx) => given[1](ask(tx)))
}

/** Splits a statement at its parameters, for drivers with template tags. */
const parts = (text: string) => Object.assign(text.split(/\$\d+/), { raw: text.split(/\$\d+/) })

const DRIVERS: Record<string, Units> = {
  'pg, a pool': overPg(() => pool),
  'pg, a pipelined pool': overPg(() => pipelined),
  'pg, one client': overPg(() => client),
  Kysely: (options) =>
    asking(
      kyselyUnits(new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) }), options),
      (tx) => {
        return async (text, values = []) => (await sql<Row>(parts(text), ...values).execute(tx)).rows
      },
    ),
  Drizzle: (options) =>
    asking(
      drizzleUnits(drizzle(pool), { ...options, sql: drizzleSql }),
      (tx) =>
        async (text, values = []) => {
          return (await tx.execute(drizzleSql(parts(text), ...values))).rows
        },
    ),
  'Drizzle, one client': (options) =>
    asking(
      drizzleUnits(drizzle(client), { ...options, sql: drizzleSql }),
      (tx) =>
        async (text, values = []) => {
          return (await tx.execute(drizzleSql(parts(text), ...values))).rows
        },
    ),
}
const WHO = 'select current_user::text as role, latchkey.user_id() as u, latchkey.organization_id() as o'
const bodies = (rows: Row[]) => rows.map(({ body }) => body).sort()
const ALL = 'select body from notes'

describe.each(Object.entries(DRIVERS))('a unit of work with %s', (_name, units) => {
  const make = (options: Partial<UnitOptions> = {}) => units({ role: app.role, ...options })

  it('runs as the caller, and sees only its tenant', async () => {
    const asCaller = make()
    expect(await asCaller(ann, (ask) => ask(WHO))).toEqual([{ role: app.role, u: 'ann', o: 'org_a' }])
    expect(bodies(await asCaller(ann, (ask) => ask(ALL)))).toEqual(['a1', 'a2'])
    expect(bodies(await asCaller(bob, (ask) => ask(ALL)))).toEqual(['b1'])
  })

  it('commits when the work resolves, and rolls back when it throws', async () => {
    const asCaller = make()
    const add = (ask: Ask, body: string) =>
      ask(`insert into notes (organization_id, author, body) values ('org_a', 'ann', $1)`, [body])
    expect(await asCaller(ann, async (ask) => (await add(ask, 'kept')).length)).toBe(0)
    const failing = asCaller(ann, async (ask) => {
      await add(ask, 'dropped')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(bodies(await asCaller(ann, (ask) => ask(ALL)))).toEqual(['a1', 'a2', 'kept'])
  })

  it('refuses to write for another tenant, for another user or without the permission', async () => {
    const asCaller = make()
    const insert = (caller: Caller, organization: string, author: string) =>
      asCaller(caller, (ask) =>
        ask('insert into notes (organization_id, author, body) values ($1, $2, $3)', [
          organization,
          author,
          'x',
        ]),
      ).then(
        () => 'written',
        (error: Error & { code?: string }) => error.code ?? (error.cause as { code?: string }).code,
      )
    expect(await insert(ann, 'org_b', 'ann')).toBe('42501')
    expect(await insert(ann, 'org_a', 'bob')).toBe('42501')
    expect(await insert(bob, 'org_b', 'bob')).toBe('42501')
    expect(await insert(ann, 'org_a', 'ann')).toBe('written')
  })

  it('throws when COMMIT was answered with ROLLBACK', async () => {
    const asCaller = make()
    const swallowing = asCaller(ann, async (ask) => {
      await ask('delete from notes')
      await ask('select 1 / 0').catch(() => {})
    })
    await expect(swallowing).rejects.toThrow(TransactionRolledBack)
    expect(bodies(await asCaller(ann, (ask) => ask(ALL)))).toEqual(['a1', 'a2'])
  })

  it('leaves no settings behind, however it ends', async () => {
    const asCaller = make()
    for (let round = 0; round < 6; round++) {
      await asCaller(ann, (ask) => ask(ALL))
      await asCaller(ann, (ask) => ask('select 1 / 0')).catch(() => {})
      await asCaller(ann, (ask) => ask('select 1 / 0').catch(() => [])).catch(() => {})
      for (const database of [pool, client]) {
        const { rows } = await database.query(`${WHO}, latchkey.has_permission('notes:read') as may`)
        expect(rows).toEqual([{ role: expect.not.stringContaining(app.role), u: null, o: null, may: false }])
      }
    }
  })

  it('inherits no settings of the session', async () => {
    const asCaller = make({ anonymous: true })
    const set = `select set_config('latchkey.user_id', 'mallory', false), set_config('latchkey.organization_id', 'org_b', false),
      set_config('latchkey.permissions', '*', false), set_config('latchkey.organization_permissions', '*', false)`
    for (const database of [pool, client]) await database.query(set)
    const asked = `${WHO}, latchkey.has_permission('a:b') as p, latchkey.has_organization_permission('a:b') as m`
    expect(await asCaller({ userId: 'ann' }, (ask) => ask(asked))).toEqual([
      { role: app.role, u: 'ann', o: null, p: false, m: false },
    ])
    expect(await asCaller(null, (ask) => ask(asked))).toEqual([
      { role: app.role, u: null, o: null, p: false, m: false },
    ])
    for (const database of [pool, client]) await database.query('reset all')
  })

  it('runs as the current principal, and without one only with `anonymous`', async () => {
    const [asCaller, open] = [make(), make({ anonymous: true })]
    const principal = { ...ann, organizationPermissions: [] } as never
    expect(bodies(await runAs(principal, () => asCaller((ask) => ask(ALL))))).toEqual(['a1', 'a2'])
    const work = (ask: Ask) => ask('select body from public_notes')
    for (const refused of [
      asCaller(work),
      asCaller(null, work),
      asCaller(undefined, work),
      asCaller({ userId: '' }, work),
      runAs(null, () => asCaller(work)),
      // the argument takes precedence over the current principal
      runAs(principal, () => asCaller(undefined, work)),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'AUTHENTICATION_REQUIRED', status: 401 })
    expect(await open(work)).toEqual([{ body: 'hello' }])
    expect(await open(ALL_OF)).toEqual([])
  })
  const ALL_OF = (ask: Ask) => ask(ALL)

  it('ignores a permission that contains a space', async () => {
    const asked = (permission: string) => (ask: Ask) =>
      ask('select latchkey.has_permission($1) as may', [permission])
    const sly: Caller = { userId: 'eve', permissions: ['chat:read *', 'notes:read'] }
    expect(await make()(sly, asked('users:delete'))).toEqual([{ may: false }])
    expect(await make()(sly, asked('notes:read'))).toEqual([{ may: true }])
  })

  it('treats hostile ids as values', async () => {
    for (const hostile of [
      `x', true); reset role; --`,
      `"; drop table notes; --`,
      '$1',
      `\\'; reset role; --`,
      `'; reset role; --`,
      `\ufffd\\\\'`,
      '\\',
      '\\u0027',
      '%',
      'ö\n\t',
      '🗝',
    ]) {
      const caller = { userId: hostile, organizationId: hostile, permissions: [] }
      expect(await make()(caller, (ask) => ask(WHO))).toEqual([{ role: app.role, u: hostile, o: hostile }])
    }
    await expect(make()({ userId: 'nul\0' }, (ask) => ask(WHO))).rejects.toThrow()
    expect(await make()(ann, (ask) => ask(WHO))).toEqual([{ role: app.role, u: 'ann', o: 'org_a' }])
  })

  it('must not be nested', async () => {
    const asCaller = make()
    const other = make()
    await asCaller(ann, async () => {
      await expect(asCaller(bob, async () => 'in')).rejects.toThrow('does not nest')
      await pause(1)
      await expect(asCaller(async () => 'in')).rejects.toThrow()
    })
    expect(await Promise.all([asCaller(ann, ALL_OF), other(bob, ALL_OF)])).toHaveLength(2)
  })

  it('refuses its tx after its end', async () => {
    const kept = await make()(ann, async (ask) => ask)
    await expect((async () => kept(ALL))()).rejects.toThrow()
    const failed: Ask[] = []
    await make()(ann, async (ask) => {
      failed.push(ask)
      throw new Error('no')
    }).catch(() => {})
    await expect((async () => failed[0]?.(ALL))()).rejects.toThrow()
  })

  it('keeps concurrent callers apart', async () => {
    const asCaller = make()
    const seen = await Promise.all(
      Array.from({ length: 60 }, (_, at) => {
        const caller = at % 2 ? ann : bob
        return asCaller(caller, async (ask) => {
          if (at % 7 === 3)
            await ask('savepoint a; select 1 / 0; ').catch(() => ask('rollback to a').catch(() => {}))
          const rows = [...(await ask(ALL)), ...(await ask(ALL))]
          return rows.map(({ body }) => `${body}`[0])
        }).catch(() => [])
      }),
    )
    for (const [at, letters] of seen.entries()) expect(new Set(letters).size, `${at}`).toBeLessThanOrEqual(1)
    for (const [at, letters] of seen.entries())
      if (letters.length > 0) expect(letters[0]).toBe(at % 2 ? 'a' : 'b')
    expect(seen.filter((letters) => letters.length > 0).length).toBeGreaterThan(40)
  })

  it('throws where the role does not exist, is not granted, or is invalid', async () => {
    await expect(make({ role: 'nobody_made_it' })(ann, ALL_OF)).rejects.toThrow()
    for (const role of ['', 'none', undefined, 7] as never[])
      expect(() => make({ role })).toThrow('the name of a role')
    expect(bodies(await make()(ann, ALL_OF))).toEqual(['a1', 'a2'])
  })
})

describe('the check that policies apply to the role', () => {
  const ask = (tx: { query(text: string): Promise<unknown> }) => tx.query(ALL)
  // the login role of PGlite is a superuser; that of the cluster is not, and owns the tables
  it('refuses a role that bypasses them', async () => {
    if (app.kind === 'pglite')
      await expect(pgUnits(pool, { role: null })(ann, ask)).rejects.toThrow('superuser or has BYPASSRLS')
  })

  it('refuses the owner of a table that does not force row-level security', async () => {
    await app.owner(
      'grant create on schema public to app_request; create table lax (a int); alter table lax enable row level security; alter table lax owner to app_request',
    )
    await expect(pgUnits(pool, { role: app.role })(ann, ask)).rejects.toThrow('public.lax does not bind')
    await app.owner('alter table lax force row level security')
    await pgUnits(pool, { role: app.role })(ann, ask)
    await app.owner('drop table lax')
  })
})

describe('with pg', () => {
  it.each([
    'begin',
    ' COMMIT',
    'end',
    'abort',
    'rollback',
    'rollback and chain',
    'start transaction',
    `prepare transaction 'a'`,
    'reset role',
    'set role none',
    'set local role postgres',
    'set session authorization default',
    'reset all',
    'discard all',
  ])('a unit must not run %s', async (text) => {
    const asCaller = pgUnits(pool, { role: app.role })
    await expect(asCaller(ann, (tx) => tx.query(text))).rejects.toThrow('savepoints are allowed')
    await expect(asCaller(ann, (tx) => tx.query({ text }))).rejects.toThrow('savepoints are allowed')
  })

  it('savepoints are allowed', async () => {
    const asCaller = pgUnits(pool, { role: app.role })
    const rows = await asCaller(ann, async (tx) => {
      await tx.query('savepoint before')
      await tx.query('select 1 / 0').catch(() => {})
      await tx.query('rollback to before')
      return (await tx.query<{ body: string }>(ALL)).rows
    })
    expect(bodies(rows)).toEqual(['a1', 'a2'])
  })

  it('the cause of TransactionRolledBack is the error that was not rethrown', async () => {
    const swallowing = pgUnits(pool, { role: app.role })(ann, (tx) =>
      tx.query('select 1 / 0').catch(() => {}),
    )
    await expect(swallowing).rejects.toMatchObject({ cause: { code: '22012' } })
  })

  it('tenants may share named statements', async () => {
    const asCaller = pgUnits(app.kind === 'pglite' ? client : pool, { role: app.role })
    const named = { name: 'all-notes', text: ALL }
    for (let round = 0; round < 20; round++) {
      const caller = round % 2 ? ann : bob
      const { rows } = await asCaller(caller, (tx) => tx.query<{ body: string }>(named))
      expect(bodies(rows)).toEqual(round % 2 ? ['a1', 'a2'] : ['b1'])
    }
  })

  it('a connection whose transaction cannot be ended is closed', async () => {
    if (app.kind === 'pglite') return
    const asCaller = pgUnits(pool, { role: app.role })
    const lost = asCaller(ann, (tx) => tx.query('select pg_terminate_backend(pg_backend_pid())'))
    await expect(lost).rejects.toThrow()
    for (let round = 0; round < 5; round++)
      expect((await pool.query(WHO)).rows).toEqual([{ role: 'latchkey', u: null, o: null }])
  })
})
