/** What `migrateUp` would do to this database, read without changing it: the pending migrations and what they keep waiting. */
import type { Connection } from './connection.ts'
import type { Driver } from './driver.ts'
import { assertMigratable, migrationStatus } from './migrate.ts'
import { knownMigrations, type Migration } from './migration-files.ts'
import { type Catalog, locksOf, type TableLock } from './migration-locks.ts'

export interface PlannedLock extends TableLock {
  /** As PostgreSQL estimates them; null where the table was never analyzed. */
  rows: number | null
}

export interface PlannedMigration extends Migration {
  locks: readonly PlannedLock[]
}

export interface MigrationPlan {
  /** Nothing was ever applied. */
  isFresh: boolean
  /** The latest minor version of which migrations are applied; null where the database is fresh. */
  from: string | null
  pending: readonly PlannedMigration[]
}

/** @throws MigrationRefused, as `migrateUp` would */
export async function planMigrations(
  db: Pick<Driver, 'kind' | 'asOwner'>,
  migrations: readonly Migration[] = knownMigrations(),
): Promise<MigrationPlan> {
  const status = await migrationStatus(db, migrations)
  assertMigratable(status)
  const names = new Set(status.flatMap(({ name, state }) => (state === 'pending' ? [name] : [])))
  const { catalog, rows } = await db.asOwner(readCatalog)
  const pending = migrations
    .filter(({ name }) => names.has(name))
    .map((migration) => ({
      ...migration,
      locks: locksOf(migration, catalog).map((lock) => ({ ...lock, rows: rows.get(lock.table) ?? null })),
    }))
  const from =
    status.findLast(({ state, version }) => state !== 'pending' && version !== null)?.version ?? null
  return { isFresh: status.every(({ state }) => state === 'pending'), from, pending }
}

/** The tables of the server as they are, and the estimates of their rows. */
export async function readCatalog(
  connection: Connection,
): Promise<{ catalog: Catalog; rows: ReadonlyMap<string, number> }> {
  const read = async <R>(text: string) => (await connection.plain(text)).rows as R[]
  const tables = await read<{ name: string; estimate: number }>(
    `select relname as name, reltuples::float8 as estimate from pg_catalog.pg_class
     where relnamespace = to_regnamespace('latchkey') and relkind in ('r', 'p')`,
  )
  const indexes = await read<{ name: string; of: string }>(
    `select i.relname as name, t.relname as of from pg_catalog.pg_index x
     join pg_catalog.pg_class i on i.oid = x.indexrelid join pg_catalog.pg_class t on t.oid = x.indrelid
     where t.relnamespace = to_regnamespace('latchkey')`,
  )
  const references = await read<{ of: string; name: string; column: string; other: string }>(
    `select t.relname as of, c.conname as name, a.attname as column, o.relname as other from pg_catalog.pg_constraint c
     join pg_catalog.pg_class t on t.oid = c.conrelid join pg_catalog.pg_class o on o.oid = c.confrelid
     join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
     where c.contype = 'f' and t.relnamespace = to_regnamespace('latchkey')`,
  )
  return {
    catalog: {
      tables: new Set(tables.map(({ name }) => name)),
      indexes: new Map(indexes.map(({ name, of }) => [name, of])),
      references: new Map(
        references.flatMap(({ of, name, column, other }): [string, string][] => [
          [`${of} ${name}`, other],
          [`${of}.${column}`, other],
        ]),
      ),
    },
    rows: new Map(
      tables.flatMap(({ name, estimate }): [string, number][] => (estimate < 0 ? [] : [[name, estimate]])),
    ),
  }
}
