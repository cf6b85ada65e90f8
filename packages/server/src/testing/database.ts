/**
 * A fresh, migrated database for a test file: a clone of what the run's global set-up made once, on whichever of
 * the two the running vitest project is for. Nothing is shared between files; everything is dropped at close.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { inject } from 'vitest'
import { type Database, migrateDown, openDatabase } from '../base/db/index.ts'
import type { Log } from '../base/log/index.ts'

/** What the global set-up (tests/setup) hands to the test files. */
export type TestDatabaseSource =
  | { kind: 'pglite'; template: string }
  | {
      kind: 'postgres'
      template: string
      /** End before the database's name. */
      baseUrl: string
      superuserUrl: string
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

/** A database that somebody else will open, a server in a process of its own for instance. */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const source = inject('database')
  if (source.kind === 'pglite') {
    return {
      databaseUrl: null,
      template: options.empty ? null : await readFile(source.template),
      drop: async () => {},
    }
  }
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer(
    source.baseUrl,
    `create database ${name} template ${options.empty ? 'template0' : source.template}`,
  )
  return {
    databaseUrl: `${source.baseUrl}${name}`,
    template: null,
    drop: () => onServer(source.baseUrl, `drop database if exists ${name} with (force)`),
  }
}

/** Migrated unless `empty`; nested use is refused, as in development. Closing it drops it. */
export async function openTestDatabase(
  options: { empty?: boolean; log?: Log; pool?: number } = {},
): Promise<Database> {
  const isEmbedded = inject('database').kind === 'pglite'
  // emptying a clone is faster than making a database
  const made = await createTestDatabase(isEmbedded ? {} : options)
  const db = await openDatabase({
    databaseUrl: made.databaseUrl,
    dataDir: null,
    pool: options.pool ?? 6,
    guardNesting: true,
    log: options.log ?? quietLog,
    template: made.template,
  })
  if (isEmbedded && options.empty) await migrateDown(db, { to: 0 })
  let closing: Promise<void> | null = null
  return {
    ...db,
    close() {
      closing ??= db.close().then(made.drop)
      return closing
    },
  }
}

async function onServer(baseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: `${baseUrl}postgres` })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
