/**
 * A fresh, migrated database for a test file, on whichever of the two the running vitest project is for: one that the
 * worker keeps and empties between files (kept.ts), or a clone of what the run's global set-up made once, for a test
 * that changes more than rows. Nothing is shared between files that run.
 */
import { readFile } from 'node:fs/promises'
import { inject } from 'vitest'
import { type Database, database } from '../base/db/database.ts'
import { migrateDown, openDatabase } from '../base/db/index.ts'
import type { Log } from '../base/log/index.ts'
import { cloneDatabase, takeDatabase } from './kept.ts'
import { recorded } from './statements.ts'

/** What the global set-up (tests/setup) hands to the test files. */
export type TestDatabaseSource =
  | { kind: 'pglite'; template: string }
  | {
      kind: 'postgres'
      template: string
      /** End before the database's name. */
      baseUrl: string
      superuserUrl: string
      /** The folder that takes down which statements were executed. */
      statements: string
    }

declare module 'vitest' {
  interface ProvidedContext {
    database: TestDatabaseSource
  }
}

export const quietLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Which of the two this run is on. */
export const testDatabaseKind = (): 'pglite' | 'postgres' => inject('database').kind

export interface TestDatabase {
  /** As the setting: null means embedded. */
  databaseUrl: string | null
  /** What the embedded one begins from; null on PostgreSQL. */
  template: Buffer | null
  /** To be called when every connection is closed. */
  drop(): Promise<void>
}

/** A clone that the test opens itself, or a server in another process. */
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
  /** Without a schema; otherwise it is migrated. */
  empty?: boolean
  /** A clone, for a test that depends on how the tables lie on the disk. */
  own?: boolean
  log?: Log
  pool?: number
}

/** Nested use is refused, as in development. Closing it gives it back or drops it. */
export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<Database> {
  const { empty = false, own = empty, pool = 6, log = quietLog } = options
  const made = own ? await openOwn(empty, pool, log) : await openKept(pool, log)
  let closing: Promise<void> | null = null
  return {
    ...made.db,
    close() {
      closing ??= made.db.close().then(made.drop)
      return closing
    },
  }
}

interface Opened {
  db: Database
  drop(): Promise<void>
}

async function openKept(pool: number, log: Log): Promise<Opened> {
  const source = inject('database')
  const kept = await takeDatabase(source)
  const driver = await kept.open({ pool, log })
  const db = database({
    driver: source.kind === 'postgres' ? recorded(driver, source.statements) : driver,
    guardNesting: true,
    log,
  })
  return { db, drop: kept.giveBack }
}

async function openOwn(empty: boolean, pool: number, log: Log): Promise<Opened> {
  const isEmbedded = testDatabaseKind() === 'pglite'
  // emptying a clone is faster than making a database
  const { databaseUrl, template, drop } = await createTestDatabase({ empty: empty && !isEmbedded })
  const db = await openDatabase({ databaseUrl, dataDir: null, pool, guardNesting: true, log, template })
  if (isEmbedded && empty) await migrateDown(db, { to: 0 })
  return { db, drop }
}
