/**
 * The database module: connections, transactions and their scopes, prepared statements, migrations, the lock of the
 * data directory, and the startup check of row-level security. It owns the schema `latchkey`; the meaning of its
 * tables belongs to the modules that write them.
 */
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../log/index.ts'
import { type Database, database } from './database.ts'
import { assertRoom, isFolderFault, openPglite } from './engine.ts'
import { lockDataDir } from './lock.ts'
import { pgliteDriver } from './pglite.ts'
import { postgresDriver } from './postgres.ts'
import { assertNotPromoted } from './promoted.ts'
import { packagedTemplate, unpackTemplate } from './template.ts'

export { isUnavailable, isUniqueViolation, TransactionRolledBack } from './faults.ts'
export { assertIsolation } from './isolation.ts'
export { DataDirInUse, dataDirHolder } from './lock.ts'
export {
  MigrationRefused,
  migrateDown,
  migrateUp,
  migrationStatus,
} from './migrate.ts'
export { planMigrations } from './migration-plan.ts'
export { buildTemplate } from './template.ts'

export interface OpenOptions {
  /** null: the embedded database. */
  databaseUrl: string | null
  /** The folder of the embedded database; null keeps it in memory, for tests. */
  dataDir: string | null
  /** The largest number of connections for transactions. */
  pool: number
  /** Milliseconds without an answer after which PostgreSQL counts as unreachable; 10 seconds if absent. */
  silence?: number
  /** Whether to throw where `db` is used inside a transaction. Costs time in every transaction: off in production. */
  guardNesting: boolean
  log: Log
  /** The control socket of this process, which is recorded in the lock of the data directory. */
  controlSocket?: string | null
  /** Replaces the packaged template; null: none. */
  template?: Buffer | null
  /** Opens the embedded database although it was moved to PostgreSQL: to finish that move. */
  evenPromoted?: boolean
}

/**
 * Opens the database without migrating it. PostgreSQL is connected to when it is first needed.
 * @throws DataDirInUse where another process has the embedded one; StartRefused where that was moved to PostgreSQL
 */
export async function openDatabase(options: OpenOptions): Promise<Database> {
  const { databaseUrl, guardNesting, pool, silence = 10_000, log } = options
  if (databaseUrl !== null) {
    return database({ driver: postgresDriver({ databaseUrl, pool, silence, log }), guardNesting, log })
  }
  if (options.dataDir === null) {
    const lite = await openPglite({ folder: null, template: options.template ?? null })
    return database({ driver: await pgliteDriver(lite), guardNesting, log })
  }
  const folder = join(options.dataDir, 'database')
  const reopen = async () => {
    await assertRoom(folder)
    return openPglite({ folder, template: null })
  }
  const lock = await lockDataDir(options.dataDir, { controlSocket: options.controlSocket ?? null })
  try {
    if (!options.evenPromoted) await assertNotPromoted(options.dataDir)
    const lite = await openFolder(options.dataDir, folder, options.template, log)
    const driver = await pgliteDriver(lite, { log, reopen })
    return database({ driver, guardNesting, log, onClosed: () => lock.release() })
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function openFolder(dataDir: string, folder: string, given: OpenOptions['template'], log: Log) {
  // a marker that exists while the directory is being created: if it remains, the first start was interrupted
  const unfinished = join(dataDir, 'database.unfinished')
  if (existsSync(unfinished)) await rm(folder, { recursive: true, force: true })
  if (existsSync(join(folder, 'PG_VERSION'))) return openPglite({ folder, template: null })
  await writeFile(unfinished, '')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const template = given === undefined ? await packagedTemplate() : given
  const lite = await openUnpacked(folder, template).catch(async (error) => {
    // with another cause than the template, the second attempt would fail too
    if (!template || isFolderFault(error)) throw error
    log.warn({ err: error }, 'the database template cannot be used: creating the database without it')
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return openPglite({ folder, template: null })
  })
  await rm(unfinished)
  return lite
}

async function openUnpacked(folder: string, template: Buffer | null) {
  if (template) unpackTemplate(template, folder)
  return openPglite({ folder, template: null })
}
