/**
 * Migrations: SQL files NNNN_name.up.sql and .down.sql, each in a separate transaction, under an advisory lock, so that
 * one server migrates while others wait. Applied migrations are recorded with their checksum: a file that was changed
 * afterwards is refused. The database may be newer than the server, because during a deployment the previous version is
 * still running (expand, then contract); other unknown migrations are refused.
 * Backfills in a migration `set local role latchkey_system` first: forced row-level security hides rows from the owner.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { StartRefused } from '../errors.ts'
import type { Log } from '../log/index.ts'
import { packagedFile } from '../packaged.ts'
import type { Connection } from './connection.ts'
import type { Driver } from './driver.ts'
import { faultCode } from './faults.ts'
import { assertOwnSession } from './pooler.ts'

export interface Migration {
  /** `0001_base` */
  name: string
  up: string
  down: string
  /** SHA-256 of the up script in hexadecimal, with normalized newlines. */
  checksum: string
}

export interface MigrationStatus {
  name: string
  /** `newer`: applied by a later version of the server. `changed`, `unknown`: refused. */
  state: 'applied' | 'pending' | 'newer' | 'changed' | 'unknown'
  appliedAt: Date | null
}

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

/** Every migration of this server, oldest first. */
export function knownMigrations(folder: URL = packagedFile('migrations/')): Migration[] {
  const names = readdirSync(folder)
    .flatMap((file) => /^(\d{4}_[a-z0-9_]+)\.up\.sql$/.exec(file)?.[1] ?? [])
    .sort()
  return names.map((name) => {
    const read = (way: 'up' | 'down') =>
      readFileSync(new URL(`${name}.${way}.sql`, folder), 'utf8').replaceAll('\r\n', '\n')
    const up = read('up')
    return { name, up, down: read('down'), checksum: createHash('sha256').update(up).digest('hex') }
  })
}

/** One checksum over all migrations, to check whether a template was made from the same ones. */
export function migrationsChecksum(migrations: readonly Migration[] = knownMigrations()): string {
  const hash = createHash('sha256')
  for (const { name, checksum } of migrations) hash.update(`${name} ${checksum}\n`)
  return hash.digest('hex')
}

/**
 * Applies pending migrations.
 * @param options `isMoving`: by the move (core/moves) that fills the database
 * @returns the names of those applied
 * @throws MigrationRefused, or StartRefused where a move into the database has not finished
 */
export function migrateUp(
  db: Owned,
  options: { log?: Log; migrations?: readonly Migration[]; isMoving?: boolean } = {},
): Promise<string[]> {
  const migrations = options.migrations ?? knownMigrations()
  return locked(db, async (connection) => {
    await prepare(connection, options.isMoving ?? false)
    const status = compare(migrations, await applied(connection))
    refuse(status)
    const newer = status.filter(({ state }) => state === 'newer').map(({ name }) => name)
    if (newer.length > 0) options.log?.warn({ migrations: newer }, 'the database is newer than this server')
    const done: string[] = []
    for (const migration of migrations) {
      if (!status.some(({ name, state }) => name === migration.name && state === 'pending')) continue
      await inTransaction(connection, migration.name, async () => {
        await connection.plain(migration.up)
        await connection.send(
          'insert into latchkey.migrations (name, checksum, applied_at) values ($1, $2, now())',
          [migration.name, migration.checksum],
          'system',
        )
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
  options: { log?: Log; migrations?: readonly Migration[] } = {},
): Promise<string[]> {
  const migrations = options.migrations ?? knownMigrations()
  return locked(db, async (connection) => {
    const status = compare(migrations, await applied(connection))
    refuse(status)
    const newer = status.find(({ state }) => state === 'newer')
    if (newer)
      throw new MigrationRefused(`${newer.name} was applied by a later version: revert it with that version`)
    const present = migrations.filter(({ name }) =>
      status.some((entry) => entry.name === name && entry.state === 'applied'),
    )
    const done: string[] = []
    for (const migration of present.slice(keep(present, target)).reverse()) {
      await inTransaction(connection, migration.name, async () => {
        await connection.plain(migration.down)
        await connection.send('delete from latchkey.migrations where name = $1', [migration.name], 'system')
      })
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

interface AppliedMigration {
  name: string
  checksum: string
  applied_at: Date
}

async function applied(connection: Connection): Promise<AppliedMigration[]> {
  try {
    const { rows } = await connection.send<AppliedMigration>(
      'select name, checksum, applied_at from latchkey.migrations order by name',
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
  rows: readonly { name: string; checksum: string; applied_at: Date }[],
): MigrationStatus[] {
  const byName = new Map(rows.map((row) => [row.name, row]))
  const last = migrations.at(-1)?.name ?? ''
  const known = migrations.map(({ name, checksum }): MigrationStatus => {
    const row = byName.get(name)
    byName.delete(name)
    if (!row) return { name, state: 'pending', appliedAt: null }
    return { name, state: row.checksum === checksum ? 'applied' : 'changed', appliedAt: row.applied_at }
  })
  const others = [...byName.values()].map(
    ({ name, applied_at }): MigrationStatus => ({
      name,
      state: name > last ? 'newer' : 'unknown',
      appliedAt: applied_at,
    }),
  )
  return [...known, ...others].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function refuse(status: readonly MigrationStatus[]): void {
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

/** The key of the advisory lock: 'latchkey' in ASCII, as a bigint. It must never change. */
const LOCK = '7809921468817237369'

function locked<T>(db: Owned, work: (connection: Connection) => Promise<T>): Promise<T> {
  return db.asOwner(async (connection) => {
    if (db.kind === 'pglite') return work(connection)
    await assertOwnSession(connection, db)
    await connection.plain(`set lock_timeout = '120s'`)
    await connection.plain(`select pg_advisory_lock(${LOCK})`)
    try {
      // a migration that waits for a lock blocks all statements behind it: it fails early and is retried
      await connection.plain(`set lock_timeout = '10s'`)
      return await work(connection)
    } finally {
      await connection.plain(`select pg_advisory_unlock(${LOCK})`).catch(() => {})
    }
  })
}
