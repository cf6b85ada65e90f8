/**
 * Applies migrations (migration-files.ts), each in a separate transaction, under an advisory lock, so that one server
 * migrates while others wait. Applied migrations are recorded with their checksum: a file that was changed afterwards is
 * refused. The database may be one minor version newer than the server, because during a deployment the previous version
 * is still running (expand, then contract); others are refused, and so are unknown migrations among known ones.
 * A statement waits for a lock for two seconds at most, because everything behind it waits too; then the migration is rolled
 * back, and tried again. Statements of indexes that are built while rows are written run outside of a transaction, and
 * can be repeated.
 * Backfills in a migration `set local role latchkey_system` first: forced row-level security hides rows from the owner.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { StartRefused } from '../errors.ts'
import type { Log } from '../log/index.ts'
import { version as ownVersion } from '../version.ts'
import type { Connection } from './connection.ts'
import type { Driver } from './driver.ts'
import { faultCode, rootCode } from './faults.ts'
import {
  knownMigrations,
  type Migration,
  type MigrationKind,
  mayServeBeside,
  statementsOf,
} from './migration-files.ts'
import { assertOwnSession } from './pooler.ts'

export interface MigrationStatus {
  name: string
  /**
   * `newer`: applied by a later version of the server. `changed`, `unknown`, and `beyond`, of a version after the next one:
   * refused.
   */
  state: 'applied' | 'pending' | 'newer' | 'beyond' | 'changed' | 'unknown'
  appliedAt: Date | null
  /** Null for those that a version before this column has applied, and this one does not know. */
  kind: MigrationKind | null
  version: string | null
}

/** How often a migration is tried that another transaction keeps waiting, and how long it pauses at most in between. */
export interface Patience {
  tries: number
  pauseMs: number
}
const PATIENCE: Patience = { tries: 30, pauseMs: 3000 }

export class MigrationRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MigrationRefused'
  }
}

/** The database is as it was before this migration; those before it are applied. */
export class MigrationFailed extends Error {
  constructor(name: string, cause: unknown) {
    super(`migration ${name} failed: ${cause instanceof Error ? cause.message : cause}`, { cause })
    this.name = 'MigrationFailed'
  }
}

export class DatabaseTooOld extends Error {
  constructor(version: string) {
    super(`PostgreSQL ${version} is too old: 15 or newer is required`)
    this.name = 'DatabaseTooOld'
  }
}

/** The part of a driver that migrations need. */
type Owned = Pick<Driver, 'kind' | 'asOwner'>

/**
 * Applies pending migrations.
 * @param options `isMoving`: by the move (core/moves) that fills the database
 * @returns the names of those applied
 * @throws MigrationRefused, or StartRefused where a move into the database has not finished
 */
export function migrateUp(
  db: Owned,
  options: { log?: Log; migrations?: readonly Migration[]; isMoving?: boolean; patience?: Patience } = {},
): Promise<string[]> {
  const migrations = options.migrations ?? knownMigrations()
  return locked(db, async (connection) => {
    await patiently(options, 'of the table of migrations', () =>
      prepare(connection, options.isMoving ?? false),
    )
    const status = compare(migrations, await applied(connection))
    assertMigratable(status)
    const newer = status.filter(({ state }) => state === 'newer').map(({ name }) => name)
    if (newer.length > 0) options.log?.warn({ migrations: newer }, 'the database is newer than this server')
    await describeApplied(connection, migrations)
    const done: string[] = []
    for (const migration of migrations) {
      if (!status.some(({ name, state }) => name === migration.name && state === 'pending')) continue
      await patiently(options, migration.name, async () => {
        if (migration.isConcurrent) await concurrently(connection, migration, db.kind)
        await inTransaction(connection, migration.name, async () => {
          if (!migration.isConcurrent) await connection.plain(migration.up)
          await connection.send(
            'insert into latchkey.migrations (name, checksum, applied_at, kind, version) values ($1, $2, now(), $3, $4)',
            [migration.name, migration.checksum, migration.kind, migration.version],
            'system',
          )
        })
      })
      options.log?.info({ migration: migration.name }, 'migration applied')
      done.push(migration.name)
    }
    return done
  })
}

/**
 * Reverts migrations, latest first: a number of `steps`, or all after `to` (0: every one, which leaves only the roles of
 * the cluster). @returns the names of those reverted; @throws MigrationRefused
 */
export function migrateDown(
  db: Owned,
  target: { steps: number } | { to: string | 0 },
  options: { log?: Log; migrations?: readonly Migration[]; patience?: Patience } = {},
): Promise<string[]> {
  const migrations = options.migrations ?? knownMigrations()
  return locked(db, async (connection) => {
    const status = compare(migrations, await applied(connection))
    assertMigratable(status)
    const newer = status.find(({ state }) => state === 'newer')
    if (newer)
      throw new MigrationRefused(`${newer.name} was applied by a later version: revert it with that version`)
    const present = migrations.filter(({ name }) =>
      status.some((entry) => entry.name === name && entry.state === 'applied'),
    )
    const done: string[] = []
    for (const migration of present.slice(keep(present, target)).reverse()) {
      await patiently(options, migration.name, () =>
        inTransaction(connection, migration.name, async () => {
          await connection.plain(migration.down)
          await connection.send('delete from latchkey.migrations where name = $1', [migration.name], 'system')
        }),
      )
      options.log?.info({ migration: migration.name }, 'migration reverted')
      done.push(migration.name)
    }
    if (done.length === present.length) await leave(connection)
    return done
  })
}

/** Compares the migrations of this server with those of the database. */
export function migrationStatus(
  db: Owned,
  migrations: readonly Migration[] = knownMigrations(),
): Promise<MigrationStatus[]> {
  return db.asOwner(async (connection) => compare(migrations, await applied(connection)))
}

/** The names of pending migrations, oldest first. */
export async function pendingMigrations(db: Owned): Promise<string[]> {
  return (await migrationStatus(db)).filter(({ state }) => state === 'pending').map(({ name }) => name)
}

export interface AppliedMigration {
  name: string
  checksum: string
  applied_at: Date
  kind?: MigrationKind | null
  version?: string | null
}

async function applied(connection: Connection): Promise<AppliedMigration[]> {
  try {
    // a database that only earlier versions have migrated does not have the last two columns
    const { rows } = await connection.send<AppliedMigration>(
      `select name, checksum, applied_at, to_jsonb(m) ->> 'kind' as kind, to_jsonb(m) ->> 'version' as version
         from latchkey.migrations m order by name`,
      [],
      'system',
    )
    return rows
  } catch (error) {
    // undefined_table, invalid_schema_name: nothing was ever applied
    if (faultCode(error) === '42P01' || faultCode(error) === '3F000') return []
    throw error
  }
}

/** Merges the migrations of the server and those of the database; pure. */
export function compare(
  migrations: readonly Migration[],
  rows: readonly AppliedMigration[],
  version = ownVersion(),
): MigrationStatus[] {
  const byName = new Map(rows.map((row) => [row.name, row]))
  const last = migrations.at(-1)?.name ?? ''
  const known = migrations.map(({ name, checksum, ...declared }): MigrationStatus => {
    const row = byName.get(name)
    byName.delete(name)
    const what = { name, kind: declared.kind, version: declared.version }
    if (!row) return { ...what, state: 'pending', appliedAt: null }
    return { ...what, state: row.checksum === checksum ? 'applied' : 'changed', appliedAt: row.applied_at }
  })
  const others = [...byName.values()].map((row): MigrationStatus => {
    const of = row.version ?? null
    const isNext = of === null || mayServeBeside(version, of)
    return {
      name: row.name,
      state: row.name <= last ? 'unknown' : isNext ? 'newer' : 'beyond',
      appliedAt: row.applied_at,
      kind: row.kind ?? null,
      version: of,
    }
  })
  return [...known, ...others].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** @throws MigrationRefused where the database is not one that this server may migrate or use */
export function assertMigratable(status: readonly MigrationStatus[]): void {
  const beyond = status.findLast(({ state }) => state === 'beyond')
  if (beyond)
    throw new MigrationRefused(
      `the database is of version ${beyond.version} (${beyond.name}), and this server is ${ownVersion()}, which serves with migrations of the next minor version at most: start ${beyond.version} or the one before it`,
    )
  for (const { name, state } of status) {
    if (state === 'changed') throw new MigrationRefused(`${name} was changed after it was applied`)
    if (state === 'unknown')
      throw new MigrationRefused(`${name} was applied to this database and is unknown to this server`)
  }
  const firstPending = status.findIndex(({ state }) => state === 'pending')
  const after =
    firstPending < 0 ? undefined : status.slice(firstPending).find(({ state }) => state !== 'pending')
  if (after)
    throw new MigrationRefused(
      `${after.name} was applied before ${status[firstPending]?.name}, which comes first`,
    )
}

function keep(present: readonly Migration[], target: { steps: number } | { to: string | 0 }): number {
  if ('steps' in target) return Math.max(0, present.length - target.steps)
  if (target.to === 0) return 0
  const at = present.findIndex(({ name }) => name === target.to)
  if (at < 0) throw new MigrationRefused(`${target.to} is not applied`)
  return at + 1
}

async function prepare(connection: Connection, isMoving: boolean): Promise<void> {
  const server = await connection.plain(
    `select current_setting('server_version') as version, current_setting('server_version_num')::int as number`,
  )
  const { version, number } = server.rows[0] as { version: string; number: number }
  if (number < 150_000) throw new DatabaseTooOld(version)
  if (!isMoving && (await isUnfinished(connection))) throw new StartRefused(UNFINISHED)
  // checked first, so that a login role without the privilege to create schemas can use an existing one
  const { rows } = await connection.plain(`select 1 from pg_catalog.pg_namespace where nspname = 'latchkey'`)
  if (rows.length === 0) await connection.plain('create schema if not exists latchkey')
  const table = await connection.plain(`select to_regclass('latchkey.migrations') as made`)
  if ((table.rows[0] as { made: string | null }).made === null) {
    await connection.plain(`create table if not exists latchkey.migrations (
      name text primary key,
      checksum text not null,
      applied_at timestamptz not null
    )`)
  }
  const columns = await connection.plain(
    `select 1 from pg_catalog.pg_attribute where attrelid = 'latchkey.migrations'::regclass and attname = 'version'`,
  )
  if (columns.rows.length === 0)
    await connection.plain('alter table latchkey.migrations add column kind text, add column version text')
}

/** Of those that a version before these columns has applied. */
async function describeApplied(connection: Connection, migrations: readonly Migration[]): Promise<void> {
  const bare = await connection.plain('select name from latchkey.migrations where version is null')
  for (const { name } of bare.rows as { name: string }[]) {
    const known = migrations.find((migration) => migration.name === name)
    if (!known) continue
    await connection.send(
      'update latchkey.migrations set kind = $2, version = $3 where name = $1',
      [name, known.kind, known.version],
      'system',
    )
  }
}

/** Whether a move into this database (core/moves) has begun and not ended. */
export async function isUnfinished(connection: Connection): Promise<boolean> {
  const { rows } = await connection.plain(`select to_regclass('latchkey.unfinished_move') as made`)
  return (rows[0] as { made: string | null }).made !== null
}

export const UNFINISHED =
  'A move into this database was interrupted, so that it does not have all data: run the same command (`latchkey promote`, `latchkey restore`) again, which finishes it, or drop the database and use a new one.'

/** Removes what `prepare` created; the schema remains if it contains other objects. */
async function leave(connection: Connection): Promise<void> {
  await connection.plain('drop table if exists latchkey.migrations')
  try {
    await connection.plain('drop schema if exists latchkey restrict')
  } catch (error) {
    // 2BP01: dependent objects exist; 42501: the schema belongs to another role
    if (faultCode(error) !== '2BP01' && faultCode(error) !== '42501') throw error
  }
}

async function inTransaction(connection: Connection, name: string, work: () => Promise<void>): Promise<void> {
  await connection.plain('begin')
  try {
    await work()
  } catch (error) {
    await connection.plain('rollback')
    throw new MigrationFailed(name, error)
  }
  const { command } = await connection.plain('commit')
  if (command !== 'COMMIT') throw new MigrationFailed(name, new Error('the transaction was rolled back'))
}

/**
 * Builds and drops indexes while rows are written. One that an interrupted run has left invalid is dropped before; one that is there
 * already is kept. The embedded database has no other session to spare.
 */
async function concurrently(
  connection: Connection,
  migration: Migration,
  kind: Driver['kind'],
): Promise<void> {
  // these wait for transactions that began before, and nothing waits for them
  if (kind === 'postgres') await connection.plain(`set lock_timeout = '10min'`)
  try {
    for (const statement of statementsOf(migration.up)) {
      const index = /^create (?:unique )?index concurrently if not exists (\w+) /i.exec(statement)?.[1]
      if (!index && !/^drop index concurrently if exists latchkey\.\w+$/i.test(statement))
        throw new Error(`${statement} cannot be repeated outside of a transaction`)
      if (index) await dropInvalid(connection, index)
      try {
        await connection.plain(kind === 'postgres' ? statement : statement.replace(/ concurrently/i, ''))
      } catch (error) {
        // one that duplicates have failed still refuses rows of the version that serves
        if (index) await dropInvalid(connection, index).catch(() => {})
        throw error
      }
    }
  } catch (error) {
    throw new MigrationFailed(migration.name, error)
  } finally {
    if (kind === 'postgres') await connection.plain(LOCK_TIMEOUT).catch(() => {})
  }
}

async function dropInvalid(connection: Connection, index: string): Promise<void> {
  const { rows } = await connection.send(
    `select 1 from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
     where c.relnamespace = 'latchkey'::regnamespace and c.relname = $1 and not i.indisvalid`,
    [index],
    'system',
  )
  if (rows.length > 0) await connection.plain(`drop index concurrently latchkey.${index}`)
}

/**
 * Repeats what a lock of another transaction has made fail, or a deadlock with one; every statement that arrives meanwhile
 * proceeds in the pauses.
 */
async function patiently<T>(
  { log, patience = PATIENCE }: { log?: Log; patience?: Patience },
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const code = rootCode(error)
      if (code !== '55P03' && code !== '40P01') throw error
      if (tries >= patience.tries)
        throw new MigrationFailed(
          name,
          new Error(`a lock was not granted in ${tries} tries: ${HOLDERS}`, { cause: error }),
        )
      log?.warn({ migration: name, tries }, 'a migration waits for a lock of another transaction')
      await pause(Math.min(patience.pauseMs, 100 * 2 ** tries))
    }
  }
}

const HOLDERS =
  'end the transaction that holds it (long ones are in pg_stat_activity, by xact_start; pg_dump is one), and run it again'

const LOCK_TIMEOUT = `set lock_timeout = '2s'`

/** The key of the advisory lock: 'latchkey' in ASCII, as a bigint. It must never change. */
const LOCK = '7809921468817237369'

function locked<T>(db: Owned, work: (connection: Connection) => Promise<T>): Promise<T> {
  return db.asOwner(async (connection) => {
    if (db.kind === 'pglite') return work(connection)
    await assertOwnSession(connection, db)
    await onlyOne(connection)
    try {
      await connection.plain(LOCK_TIMEOUT)
      return await work(connection)
    } finally {
      await connection.plain(`select pg_advisory_unlock(${LOCK})`).catch(() => {})
    }
  })
}

/** How often another process is given time to finish its migrations, and how long each time. */
const TURNS = 600
const TURN_MS = 200

/** By trying again: a statement that waits for the lock has a snapshot, which building an index concurrently would wait for. */
async function onlyOne(connection: Connection): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    const { rows } = await connection.plain(`select pg_try_advisory_lock(${LOCK}) as mine`)
    if ((rows[0] as { mine: boolean }).mine) return
    await pause(TURN_MS)
  }
  throw new MigrationRefused('another process has been migrating this database for two minutes')
}
