/**
 * Migrations: plain SQL files NNNN_name.up.sql and .down.sql, each in a transaction of its own, under a lock
 * that lets one server migrate while the others wait. What was applied is remembered with its checksum: a file
 * that changed afterwards is refused. A database may be newer than the server, because during a deployment the
 * version before still serves (expand, then contract); anything else that is unknown is refused.
 * Backfills in a migration `set local role latchkey_system` first: forced row-level security hides rows from the owner.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Log } from '../log/index.ts'
import type { Driver } from './driver.ts'
import { faultCode } from './faults.ts'
import type { Line } from './line.ts'

export interface Migration {
  /** `0001_base` */
  name: string
  up: string
  down: string
  /** SHA-256 of the way up, in hexadecimal, line ends normalized. */
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

/** What migrating needs of a database. */
type Owned = Pick<Driver, 'kind' | 'asOwner'>

/** Next to the bundle (dist/server.cjs), or in the package when the sources run. */
export function packagedFile(name: string): URL {
  const beside = new URL(`./${name}`, import.meta.url)
  return existsSync(beside) ? beside : new URL(`../../../${name}`, import.meta.url)
}

/** Every migration this server knows, oldest first. */
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

/** One checksum over all of them: says whether a template was made from the same migrations. */
export function migrationsChecksum(migrations: readonly Migration[] = knownMigrations()): string {
  const hash = createHash('sha256')
  for (const { name, checksum } of migrations) hash.update(`${name} ${checksum}\n`)
  return hash.digest('hex')
}

/** Applies what is pending. @returns the names of what was applied; @throws MigrationRefused */
export function migrateUp(
  db: Owned,
  options: { log?: Log; migrations?: readonly Migration[] } = {},
): Promise<string[]> {
  const migrations = options.migrations ?? knownMigrations()
  return locked(db, async (line) => {
    await prepare(line)
    const status = compare(migrations, await applied(line))
    refuse(status)
    const newer = status.filter(({ state }) => state === 'newer').map(({ name }) => name)
    if (newer.length > 0) options.log?.warn({ migrations: newer }, 'the database is newer than this server')
    const done: string[] = []
    for (const migration of migrations) {
      if (!status.some(({ name, state }) => name === migration.name && state === 'pending')) continue
      await inTransaction(line, migration.name, async () => {
        await line.plain(migration.up)
        await line.send(
          'insert into latchkey.migrations (name, checksum, applied_at) values ($1, $2, now())',
          [migration.name, migration.checksum],
          'system',
        )
      })
      options.log?.info({ migration: migration.name }, 'migrated')
      done.push(migration.name)
    }
    return done
  })
}

/**
 * Takes migrations back, newest first: so many `steps`, or all after `to` (0: every one, which leaves nothing of
 * ours but the cluster's roles). @returns the names of what was taken back; @throws MigrationRefused
 */
export function migrateDown(
  db: Owned,
  target: { steps: number } | { to: string | 0 },
  options: { log?: Log; migrations?: readonly Migration[] } = {},
): Promise<string[]> {
  const migrations = options.migrations ?? knownMigrations()
  return locked(db, async (line) => {
    const status = compare(migrations, await applied(line))
    refuse(status)
    const newer = status.find(({ state }) => state === 'newer')
    if (newer)
      throw new MigrationRefused(
        `${newer.name} was applied by a later version: take it back with that version`,
      )
    const standing = migrations.filter(({ name }) =>
      status.some((entry) => entry.name === name && entry.state === 'applied'),
    )
    const done: string[] = []
    for (const migration of standing.slice(keep(standing, target)).reverse()) {
      await inTransaction(line, migration.name, async () => {
        await line.plain(migration.down)
        await line.send('delete from latchkey.migrations where name = $1', [migration.name], 'system')
      })
      options.log?.info({ migration: migration.name }, 'taken back')
      done.push(migration.name)
    }
    if (done.length === standing.length) await leave(line)
    return done
  })
}

/** How this server and the database stand to each other. */
export function migrationStatus(
  db: Owned,
  migrations: readonly Migration[] = knownMigrations(),
): Promise<MigrationStatus[]> {
  return db.asOwner(async (line) => compare(migrations, await applied(line)))
}

/** Names of what is not applied yet, oldest first. */
export async function pendingMigrations(db: Owned): Promise<string[]> {
  return (await migrationStatus(db)).filter(({ state }) => state === 'pending').map(({ name }) => name)
}

interface Applied {
  name: string
  checksum: string
  applied_at: Date
}

async function applied(line: Line): Promise<Applied[]> {
  try {
    const { rows } = await line.send<Applied>(
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

/** Both lists side by side; pure. */
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
    if (state === 'changed') throw new MigrationRefused(`${name} was changed after it had been applied`)
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

function keep(standing: readonly Migration[], target: { steps: number } | { to: string | 0 }): number {
  if ('steps' in target) return Math.max(0, standing.length - target.steps)
  if (target.to === 0) return 0
  const at = standing.findIndex(({ name }) => name === target.to)
  if (at < 0) throw new MigrationRefused(`${target.to} is not applied`)
  return at + 1
}

async function prepare(line: Line): Promise<void> {
  // asked first, so that a login role without the right to create may find it made by somebody else
  const { rows } = await line.plain(`select 1 from pg_catalog.pg_namespace where nspname = 'latchkey'`)
  if (rows.length === 0) await line.plain('create schema if not exists latchkey')
  const table = await line.plain(`select to_regclass('latchkey.migrations') as made`)
  if ((table.rows[0] as { made: string | null }).made === null) {
    await line.plain(`create table if not exists latchkey.migrations (
      name text primary key,
      checksum text not null,
      applied_at timestamptz not null
    )`)
  }
}

/** Removes what the migrator itself made; what is not ours stays, and the schema with it. */
async function leave(line: Line): Promise<void> {
  await line.plain('drop table if exists latchkey.migrations')
  try {
    await line.plain('drop schema if exists latchkey restrict')
  } catch (error) {
    // 2BP01 dependent objects still exist; 42501: the schema was made by somebody else
    if (faultCode(error) !== '2BP01' && faultCode(error) !== '42501') throw error
  }
}

async function inTransaction(line: Line, name: string, work: () => Promise<void>): Promise<void> {
  await line.plain('begin')
  try {
    await work()
  } catch (error) {
    await line.plain('rollback')
    throw new Error(`migration ${name} failed: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
  const { command } = await line.plain('commit')
  if (command !== 'COMMIT') throw new Error(`migration ${name} was rolled back`)
}

/** 'latchkey' in ASCII, as a bigint: any constant will do, as long as it never changes. */
const LOCK = '7809921468817237369'

function locked<T>(db: Owned, work: (line: Line) => Promise<T>): Promise<T> {
  return db.asOwner(async (line) => {
    if (db.kind === 'pglite') return work(line)
    await line.plain(`set lock_timeout = '120s'`)
    await line.plain(`select pg_advisory_lock(${LOCK})`)
    try {
      // a migration that waits for a lock makes everybody behind it wait: better it fails and is tried again
      await line.plain(`set lock_timeout = '10s'`)
      return await work(line)
    } finally {
      await line.plain(`select pg_advisory_unlock(${LOCK})`).catch(() => {})
    }
  })
}
