import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestDatabase } from '../../testing/database.ts'
import type { Database } from './database.ts'
import { migrateUp } from './index.ts'
import { knownMigrations, type Migration } from './migration-files.ts'
import { type Catalog, type LockMode, locksOf } from './migration-locks.ts'
import { planMigrations, readCatalog } from './migration-plan.ts'

const known = knownMigrations()
/** The last one before locks were a rule: those up to it are in databases, and are not changed. */
const LAST_WITHOUT_RULE = '0057_stored_sids'

const NAMES: Record<string, LockMode> = {
  RowExclusiveLock: 'ROW EXCLUSIVE',
  ShareUpdateExclusiveLock: 'SHARE UPDATE EXCLUSIVE',
  ShareLock: 'SHARE',
  ShareRowExclusiveLock: 'SHARE ROW EXCLUSIVE',
  AccessExclusiveLock: 'ACCESS EXCLUSIVE',
}
const STRENGTH = Object.keys(NAMES)

describe('the locks of a migration', () => {
  let db: Database
  /** Per migration: the strongest lock on each table that existed before, as it was read and as it was held. */
  const seen: {
    name: string
    read: Record<string, LockMode>
    held: Record<string, LockMode>
    slow: string[]
  }[] = []
  beforeAll(async () => {
    db = await openTestDatabase({ empty: true })
    await db.asOwner((connection) => connection.plain('create schema latchkey'))
    for (const migration of known) {
      await db.asOwner(async (connection) => {
        const { catalog } = await readCatalog(connection)
        const locks = locksOf(migration, catalog)
        await connection.plain('begin')
        await connection.plain(migration.up)
        const { rows } = await connection.plain(
          `select c.relname as table, l.mode from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
           where l.pid = pg_backend_pid() and c.relnamespace = 'latchkey'::regnamespace and c.relkind = 'r'`,
        )
        await connection.plain('commit')
        const held: Record<string, string> = {}
        for (const { table, mode } of rows as { table: string; mode: string }[]) {
          if (!catalog.tables.has(table) || !(mode in NAMES)) continue
          if (STRENGTH.indexOf(mode) > STRENGTH.indexOf(held[table] ?? '')) held[table] = mode
        }
        seen.push({
          name: migration.name,
          read: Object.fromEntries(locks.map(({ table, mode }) => [table, mode])),
          held: Object.fromEntries(
            Object.entries(held).map(([table, mode]) => [table, NAMES[mode] as LockMode]),
          ),
          slow: locks
            .filter(({ isLong, mode }) => isLong && /SHARE$|SHARE ROW|ACCESS/.test(mode))
            .map(({ table }) => table),
        })
      })
    }
  })
  afterAll(() => db.close())

  it('are those that PostgreSQL takes, for every migration', () => {
    expect(seen).toHaveLength(known.length)
    const differing = seen.filter(
      ({ read, held }) => JSON.stringify(sorted(read)) !== JSON.stringify(sorted(held)),
    )
    expect(differing).toEqual([])
    // among them are all modes
    expect(new Set(seen.flatMap(({ held }) => Object.values(held)))).toContain('ACCESS EXCLUSIVE')
  })

  it('keep no write waiting while the rows of a table are read, in a migration from now on', () => {
    const wrong = seen.filter(({ name, slow }) => name > LAST_WITHOUT_RULE && slow.length > 0)
    expect(wrong.map(({ name, slow }) => `${name}: ${slow.join(', ')}`)).toEqual([])
  })
})

const sorted = (locks: Record<string, string>) => Object.entries(locks).sort(([a], [b]) => (a < b ? -1 : 1))

describe('read from a statement', () => {
  const catalog: Catalog = {
    tables: new Set(['a', 'b']),
    indexes: new Map([['a_index', 'a']]),
    references: new Map([
      ['a a_b_fkey', 'b'],
      ['a.b_id', 'b'],
    ]),
  }
  it.each([
    ['create index concurrently if not exists x on latchkey.a (y)', 'a SHARE UPDATE EXCLUSIVE, long'],
    ['create index x on latchkey.a (y)', 'a SHARE, long'],
    ['drop index concurrently if exists latchkey.a_index', 'a SHARE UPDATE EXCLUSIVE'],
    ['drop index latchkey.a_index', 'a ACCESS EXCLUSIVE'],
    ['alter table latchkey.a add column c text', 'a ACCESS EXCLUSIVE'],
    ['alter table latchkey.a add constraint c check (y > 0)', 'a ACCESS EXCLUSIVE, long'],
    ['alter table latchkey.a add constraint c check (y > 0) not valid', 'a ACCESS EXCLUSIVE'],
    ['alter table latchkey.a validate constraint c', 'a SHARE UPDATE EXCLUSIVE, long'],
    ['alter table latchkey.a alter column y type bigint', 'a ACCESS EXCLUSIVE, long'],
    ['alter table latchkey.a drop constraint a_b_fkey', 'a ACCESS EXCLUSIVE; b ACCESS EXCLUSIVE'],
    ['alter table latchkey.a drop column b_id', 'a ACCESS EXCLUSIVE; b ACCESS EXCLUSIVE'],
    [
      'alter table latchkey.a add constraint c foreign key (x) references latchkey.b not valid',
      'a SHARE ROW EXCLUSIVE; b SHARE ROW EXCLUSIVE',
    ],
    ['create table latchkey.c (b_id text references latchkey.b)', 'b SHARE ROW EXCLUSIVE'],
    ['drop table latchkey.a', 'a ACCESS EXCLUSIVE; b ACCESS EXCLUSIVE'],
    ['update latchkey.a set y = 1', 'a ROW EXCLUSIVE, long'],
    ['create index x on latchkey.c (y); select 1', ''],
  ])('%s', (up, expected) => {
    expect(
      locksOf({ up }, catalog)
        .map(({ table, mode, isLong }) => `${table} ${mode}${isLong ? ', long' : ''}`)
        .join('; '),
    ).toBe(expected)
  })
})

describe('a plan', () => {
  it('has the pending migrations with their locks and the rows of the tables, and changes nothing', async () => {
    const db = await openTestDatabase()
    try {
      expect(await planMigrations(db)).toEqual({ isFresh: false, from: known.at(-1)?.version, pending: [] })
      await db.asOwner((connection) =>
        connection.plain(`set role latchkey_system;
          insert into latchkey.failures (key, count, first_at, last_at) select n::text, 1, now(), now() from generate_series(1, 500) n;
          reset role; analyze latchkey.failures`),
      )
      const next: Migration = {
        name: '9000_next',
        up: 'alter table latchkey.failures add column c text; create index c on latchkey.devices (created_at)',
        down: 'select 1',
        checksum: 'x',
        kind: 'expand',
        version: '0.1',
        unusedSince: null,
        isConcurrent: false,
      }
      const { pending } = await planMigrations(db, [...known, next])
      expect(pending).toMatchObject([
        {
          name: '9000_next',
          locks: [
            { table: 'failures', mode: 'ACCESS EXCLUSIVE', isLong: false, rows: 500 },
            { table: 'devices', mode: 'SHARE', isLong: true },
          ],
        },
      ])
      expect(await db.pendingMigrations()).toEqual([])
      await expect(planMigrations(db, known.slice(1))).rejects.toThrow('unknown to this server')
      expect(await migrateUp(db)).toEqual([])
    } finally {
      await db.close()
    }
  })

  it('of an empty database has all of them, without locks', async () => {
    const db = await openTestDatabase({ empty: true })
    try {
      const plan = await planMigrations(db)
      expect(plan.isFresh).toBe(true)
      expect(plan.pending.map(({ name }) => name)).toEqual(known.map(({ name }) => name))
      expect(plan.pending.flatMap(({ locks }) => locks)).toEqual([])
    } finally {
      await db.close()
    }
  })
})
