import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, quietLog, type TestDatabase } from '../../testing/database.ts'
import { Connection } from './connection.ts'
import type { Database } from './database.ts'
import { migrateUp, openDatabase } from './index.ts'
import { knownMigrations, type Migration, readMigration } from './migration-files.ts'

const known = knownMigrations()
let shared: TestDatabase
let db: Database
let other: Connection
const servers: Database[] = []
beforeEach(async () => {
  shared = await createTestDatabase()
  db = await open()
  other = await Connection.open({ connectionString: shared.databaseUrl ?? '' }, 'set role latchkey_system')
})
afterEach(async () => {
  await other.close()
  await Promise.all(servers.splice(0).map((server) => server.close()))
  await shared.drop()
})

async function open(): Promise<Database> {
  const opened = await openDatabase({ ...shared, dataDir: null, pool: 1, guardNesting: true, log: quietLog })
  servers.push(opened)
  return opened
}

/** The script of a migration that follows those of this server. */
const next = (script: string, declaration = '-- expand 0.1'): Migration[] => [
  ...known,
  readMigration('9000_next', `${declaration}\n${script}`, 'select 1'),
]
const CONCURRENTLY = '-- expand 0.1, concurrently'
const BRIEF = { tries: 2, pauseMs: 1 }

async function ask<R>(text: string): Promise<R[]> {
  return db.asOwner(async (connection) => (await connection.plain(text)).rows as R[])
}
const isApplied = async () =>
  (await ask(`select 1 from latchkey.migrations where name = '9000_next'`)).length === 1
const columns = async () =>
  (
    await ask<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = 'latchkey.failures'::regclass and attname like 'next%' and not attisdropped`,
    )
  ).map(({ name }) => name)
const indexes = () =>
  ask<{ valid: boolean }>(
    `select i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid where c.relname = 'failures_next'`,
  )
/** The sessions of this database that wait for a lock. */
const WAITING = `from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
/** Until the migration does. */
const isWaiting = () => expect.poll(async () => (await ask(`select 1 ${WAITING}`)).length).toBeGreaterThan(0)
/** As the end of a process: the session that waits ends. */
const kill = () => ask(`select pg_terminate_backend(pid) ${WAITING}`)

describe('a migration that another transaction keeps waiting', () => {
  const script =
    'alter table latchkey.devices add column next text; alter table latchkey.failures add column next text'

  it('gives way to everything that arrives behind it, is tried again, and is refused in the end', async () => {
    await other.plain('begin; select 1 from latchkey.failures')
    const warnings: unknown[] = []
    const log = { ...quietLog, warn: (fields: object) => void warnings.push(fields) }
    const refused = migrateUp(db, { migrations: next(script), log, patience: BRIEF }).catch(
      (error: Error) => error,
    )
    await isWaiting()
    // behind the lock that the migration waits for, and behind the one that it has
    const reader = await open()
    await reader.tx('system', (tx) => tx.selectFrom('failures').select('key').execute())
    await reader.tx('system', (tx) => tx.selectFrom('devices').select('id').execute())
    expect(String(await refused)).toMatch(
      /9000_next failed: a lock was not granted in 2 tries: end the transaction that holds it/,
    )
    expect(warnings).toEqual([{ migration: '9000_next', tries: 1 }])
    expect(await isApplied()).toBe(false)
    expect(await columns()).toEqual([])
    // nothing of it is left, and the next run begins where it failed
    await other.plain('commit')
    expect(await migrateUp(db, { migrations: next(script) })).toEqual(['9000_next'])
  })

  it('is applied as soon as that ends', async () => {
    await other.plain('begin; select 1 from latchkey.failures')
    const applied = migrateUp(db, { migrations: next(script) })
    await isWaiting()
    await other.plain('commit')
    expect(await applied).toEqual(['9000_next'])
    expect(await columns()).toEqual(['next'])
  })

  it('survives a deadlock with it', async () => {
    await other.plain('begin; select 1 from latchkey.failures')
    const applied = migrateUp(db, { migrations: next(script) })
    await isWaiting()
    // it has locked devices: one of both is ended by PostgreSQL
    await other.plain('select 1 from latchkey.devices').catch(() => {})
    await other.plain('rollback')
    expect(await applied).toEqual(['9000_next'])
    expect(await columns()).toEqual(['next'])
  })
})

describe('a process that ends while it migrates', () => {
  it('leaves nothing of the migration, and the next start begins with it', async () => {
    await other.plain('begin; select 1 from latchkey.failures')
    const script = 'create table latchkey.half (id int); alter table latchkey.failures add column next text'
    const killed = migrateUp(db, { migrations: next(script) }).catch((error: Error) => error)
    await isWaiting()
    await kill()
    expect(await killed).toBeInstanceOf(Error)
    await other.plain('commit')
    expect(await ask(`select to_regclass('latchkey.half') as made`)).toEqual([{ made: null }])
    expect(await migrateUp(await open(), { migrations: next(script) })).toEqual(['9000_next'])
    expect(await columns()).toEqual(['next'])
  })
})

describe('an index that is built while rows are written', () => {
  const script = 'create index concurrently if not exists failures_next on latchkey.failures (count);'
  const INSERT = `insert into latchkey.failures (key, count, first_at, last_at) values`

  it('keeps no write waiting, also not while it waits for older transactions itself', async () => {
    await other.plain(`begin; ${INSERT} ('a', 1, now(), now())`)
    const applied = migrateUp(db, { migrations: next(script, CONCURRENTLY) })
    await isWaiting()
    const writer = await open()
    await writer.tx('system', (tx) => tx.deleteFrom('failures').where('key', '=', 'b').execute())
    await other.plain(`${INSERT} ('b', 1, now(), now()); commit`)
    expect(await applied).toEqual(['9000_next'])
    expect(await indexes()).toEqual([{ valid: true }])
  })

  it('is built again where an interrupted run has left it invalid', async () => {
    await other.plain(`begin; ${INSERT} ('a', 1, now(), now())`)
    const killed = migrateUp(db, { migrations: next(script, CONCURRENTLY) }).catch((error: Error) => error)
    await isWaiting()
    await kill()
    await other.plain('commit')
    expect(await killed).toBeInstanceOf(Error)
    const again = await open()
    await expect.poll(indexes).toEqual([{ valid: false }])
    expect(await isApplied()).toBe(false)
    expect(await migrateUp(again, { migrations: next(script, CONCURRENTLY) })).toEqual(['9000_next'])
    expect(await indexes()).toEqual([{ valid: true }])
  })

  it('is refused while rows contradict it, and built when they do not any more', async () => {
    const unique = script.replace('create index', 'create unique index')
    await other.plain(`${INSERT} ('a', 1, now(), now()), ('b', 1, now(), now())`)
    const migrations = next(unique, CONCURRENTLY)
    await expect(migrateUp(db, { migrations })).rejects.toThrow(
      /9000_next failed: could not create unique index/,
    )
    // an invalid one would refuse rows
    expect(await indexes()).toEqual([])
    await other.plain(`delete from latchkey.failures where key = 'b'`)
    expect(await migrateUp(db, { migrations })).toEqual(['9000_next'])
    expect(await indexes()).toEqual([{ valid: true }])
  })

  it('is built once by servers that start together, and kept where it was built and not recorded', async () => {
    const migrations = next(script, CONCURRENTLY)
    await other.plain('begin; select 1 from latchkey.failures')
    const started = [db, await open(), await open()].map((server) => migrateUp(server, { migrations }))
    await pause(300)
    await other.plain('commit')
    expect((await Promise.all(started)).flat()).toEqual(['9000_next'])
    const before = await ask(`select 'latchkey.failures_next'::regclass::oid::int as id`)
    await ask(`delete from latchkey.migrations where name = '9000_next'`)
    expect(await migrateUp(db, { migrations })).toEqual(['9000_next'])
    expect(await ask(`select 'latchkey.failures_next'::regclass::oid::int as id`)).toEqual(before)
  })

  it.each([
    'create index concurrently failures_next on latchkey.failures (count)',
    'create index if not exists failures_next on latchkey.failures (count)',
    'update latchkey.failures set count = 1',
  ])('is not made by a statement that could not be repeated: %s', async (statement) => {
    await expect(migrateUp(db, { migrations: next(statement, CONCURRENTLY) })).rejects.toThrow(
      'cannot be repeated outside of a transaction',
    )
  })
})
