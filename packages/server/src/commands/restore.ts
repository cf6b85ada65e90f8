/**
 * `restore`: a database from a backup, into an empty one. In the embedded database it is made in a folder beside, which
 * is renamed when it is complete; on PostgreSQL no server starts on it before.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openDatabase } from '../base/db/index.ts'
import { lockDataDir } from '../base/db/lock.ts'
import { assertNotPromoted } from '../base/db/promoted.ts'
import { type Config, loadConfig } from '../config.ts'
import { type BackupCounts, restoreDatabase } from '../core/moves/backup.ts'
import { finishMove } from '../core/moves/index.ts'
import { type Command, done, Failure } from './command.ts'
import { backupOptions, besideServer, fileFailure, moveFailure, sumOf, totals } from './move-output.ts'

export const restore: Command = {
  name: 'restore',
  summary: 'Make a database from a backup',
  about:
    'Into the database of DATABASE_URL, or the embedded one of the data folder, which must be empty. Every table is compared with the counts and checksums of the backup. A restored backup brings back what has ended since: run `latchkey tokens revoke --all-before now` before a server serves it.',
  positionals: ['<file>'],
  options: {
    verify: {
      type: 'boolean',
      about: 'Restore into a temporary database only, which proves that the file can be restored',
    },
  },
  examples: ['latchkey restore latchkey.backup', 'latchkey restore latchkey.backup --verify'],
  on: 'machine',
  async run(args, { json }) {
    const path = resolve(args.positionals[0] ?? '')
    const config = loadConfig()
    const isVerified = args.values.verify === true
    const tables = await (isVerified ? verified(config, path, json) : restored(config, path, json))
    const rows = sumOf(tables)
    const text = isVerified
      ? `${path} can be restored: ${totals({ rows, tables })}.`
      : `Restored ${totals({ rows, tables })}.`
    return done({ file: path, verified: isVerified, rows, tables }, text)
  },
}

const restored = (config: Config, path: string, json: boolean): Promise<BackupCounts> =>
  config.databaseUrl === null
    ? intoFolder(config, path, json)
    : into(config, { databaseUrl: config.databaseUrl, dataDir: null }, path, json)

async function verified(config: Config, path: string, json: boolean): Promise<BackupCounts> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-verify-'))
  try {
    return await into(config, { databaseUrl: null, dataDir: folder }, path, json)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function intoFolder(config: Config, path: string, json: boolean): Promise<BackupCounts> {
  const { dataDir } = config
  const database = join(dataDir, 'database')
  try {
    const lock = await lockDataDir(dataDir)
    try {
      await assertNotPromoted(dataDir)
      if (existsSync(database))
        throw new Failure(
          `${dataDir} has a database: set an empty folder in LATCHKEY_DATA_DIR.`,
          'TARGET_NOT_EMPTY',
        )
      const draft = join(dataDir, 'restoring')
      await rm(draft, { recursive: true, force: true })
      const counts = await into(config, { databaseUrl: null, dataDir: draft }, path, json).catch(
        async (error) => {
          await rm(draft, { recursive: true, force: true })
          throw error
        },
      )
      await rename(join(draft, 'database'), database)
      await rm(draft, { recursive: true, force: true })
      return counts
    } finally {
      await lock.release()
    }
  } catch (error) {
    throw moveFailure(error, config)
  }
}

async function into(
  config: Config,
  { databaseUrl, dataDir }: { databaseUrl: string | null; dataDir: string | null },
  path: string,
  json: boolean,
): Promise<BackupCounts> {
  const common = { pool: 2, template: null, ...besideServer(config) }
  try {
    const target = await openDatabase({ ...common, databaseUrl, dataDir })
    try {
      const isStrict = config.profile === 'production' && databaseUrl !== null
      const counts = await restoreDatabase(target, { ...backupOptions(config, path, json), isStrict })
      await finishMove(target)
      return counts
    } finally {
      await target.close()
    }
  } catch (error) {
    throw (
      fileFailure(error, path) ?? moveFailure(error, { ...config, databaseUrl, ...(dataDir && { dataDir }) })
    )
  }
}
