/**
 * A fresh, migrated database for a test file, on PostgreSQL or PGlite as the vitest project requires: one from the
 * worker's pool (database-pool.ts), or a clone of the template that the global set-up made, for a test that changes
 * more than rows. Test files that run at the same time share nothing.
 */
import { readFile } from 'node:fs/promises'
import { inject } from 'vitest'
import { type Database, database } from '../base/db/database.ts'
import { migrateDown, openDatabase } from '../base/db/index.ts'
import type { Log } from '../base/log/index.ts'
import { acquireDatabase, cloneDatabase } from './database-pool.ts'
import { recordingDriver } from './statements.ts'

/** What the global set-up (tests/setup) provides to the test files. */
export type TestDatabaseSource =
  | { kind: 'pglite'; template: string }
  | {
      kind: 'postgres'
      template: string
      /** URLs without the name of the database. */
      baseUrl: string
      superuserUrl: string
      /** The folder of the records of executed statements. */
      statements: string
    }

declare module 'vitest' {
  interface ProvidedContext {
    database: TestDatabaseSource
  }
}

export const quietLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** The database system of this run. */
export const testDatabaseKind = (): 'pglite' | 'postgres' => inject('database').kind

export interface TestDatabase {
  /** As the setting: null is the embedded database. */
  databaseUrl: string | null
  /** The template of the embedded database; null on PostgreSQL. */
  template: Buffer | null
  /** Call it after all connections are closed. */
  drop(): Promise<void>
}

/** A clone that the test, or a server in another process, opens. */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const source = inject('database')
  if (source.kind === 'postgres')
    return { ...(await cloneDatabase(source, options.empty ? 'template0' : source.template)), template: null }
  return {
    databaseUrl: null,
    template: options.empty ? null : await readFile(source.template),
    drop: async () => {},
  }
}

export interface TestDatabaseOptions {
  /** Without a schema; the default is migrated. */
  empty?: boolean
  /** A clone, for a test that depends on the physical layout of the tables. */
  own?: boolean
  log?: Log
  pool?: number
}

/** Nested transactions are refused, as in development. Closing returns the database to the worker or drops it. */
export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<Database> {
  const { empty = false, own = empty, pool = 6, log = quietLog } = options
  const handle = own ? await openClone(empty, pool, log) : await openPooled(pool, log)
  let closing: Promise<void> | null = null
  return {
    ...handle.db,
    close() {
      closing ??= handle.db.close().then(handle.drop)
      return closing
    },
  }
}

interface DatabaseHandle {
  db: Database
  drop(): Promise<void>
}

async function openPooled(pool: number, log: Log): Promise<DatabaseHandle> {
  const source = inject('database')
  const pooled = await acquireDatabase(source)
  const driver = await pooled.open({ pool, log })
  const db = database({
    driver: source.kind === 'postgres' ? recordingDriver(driver, source.statements) : driver,
    guardNesting: true,
    log,
  })
  return { db, drop: pooled.release }
}

async function openClone(empty: boolean, pool: number, log: Log): Promise<DatabaseHandle> {
  const isEmbedded = testDatabaseKind() === 'pglite'
  // emptying a clone is faster than creating a database
  const { databaseUrl, template, drop } = await createTestDatabase({ empty: empty && !isEmbedded })
  const db = await openDatabase({ databaseUrl, dataDir: null, pool, guardNesting: true, log, template })
  if (isEmbedded && empty) await migrateDown(db, { to: 0 })
  return { db, drop }
}
