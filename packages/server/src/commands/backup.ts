/**
 * `backup`: all data in one file, while servers serve. On PostgreSQL it reads in one snapshot. The embedded database
 * has one connection: the running server makes a copy of its files between two statements, which takes a fraction of
 * a second, and this process reads that copy.
 */
import { existsSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { dataDirHolder, openDatabase } from '../base/db/index.ts'
import { version } from '../base/version.ts'
import { type Config, loadConfig } from '../config.ts'
import { type BackupCounts, backupDatabase } from '../core/moves/backup.ts'
import { type Args, type Command, done, Failure, stringOf } from './command.ts'
import { backupOptions, besideServer, fileFailure, moveFailure, sumOf, totals } from './move-output.ts'
import { type Portable, runThrough } from './through.ts'

export const backup: Command = {
  name: 'backup',
  summary: 'Write all data to a file',
  about:
    'Reads the database as it is at one moment, while servers serve. The file can be restored by this version and later ones, into PostgreSQL and into the embedded database. It is readable by its owner alone; LATCHKEY_SECRET, which is needed to use it, is not in it.',
  options: {
    to: {
      type: 'string',
      value: '<file>',
      about: 'A file that does not exist yet (default: latchkey-<time>.backup)',
    },
  },
  examples: ['latchkey backup --to /srv/backups/latchkey.backup'],
  on: 'machine',
  async run(args, { json }) {
    const at = systemClock().now().toISOString()
    const path = resolve(stringOf(args, 'to') ?? `latchkey-${at.slice(0, 19).replaceAll(':', '')}Z.backup`)
    if (existsSync(path))
      throw new Failure(`${path} exists already: name another file in --to.`, 'FILE_EXISTS')
    const config = loadConfig()
    const tables = await (config.databaseUrl === null
      ? ofEmbedded(config, path, at, json)
      : ofDatabase(config, config, path, at, json))
    const rows = sumOf(tables)
    return done({ file: path, at, rows, tables }, `Wrote ${totals({ rows, tables })} to ${path}.`)
  },
}

async function ofDatabase(
  config: Config,
  { databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>,
  path: string,
  at: string,
  json: boolean,
): Promise<BackupCounts> {
  const common = { pool: 1, template: null, ...besideServer(config) }
  try {
    const source = await openDatabase({ ...common, databaseUrl, dataDir })
    try {
      return await backupDatabase(source, backupOptions(config, path, json), { at, version: version() })
    } finally {
      await source.close()
    }
  } catch (error) {
    throw fileFailure(error, path) ?? moveFailure(error, config)
  }
}

async function ofEmbedded(config: Config, path: string, at: string, json: boolean): Promise<BackupCounts> {
  if (!existsSync(join(config.dataDir, 'database', 'PG_VERSION')))
    throw new Failure(`There is no embedded database in ${config.dataDir}.`, 'NOTHING_TO_BACK_UP')
  const folder = join(config.dataDir, 'snapshot')
  if (await dataDirHolder(folder))
    throw new Failure(`Another backup of ${config.dataDir} is being made.`, 'BACKUP_RUNNING')
  try {
    await runThrough(backupSnapshot, { values: {}, positionals: [] }, config)
    return await ofDatabase(config, { databaseUrl: null, dataDir: folder }, path, at, json)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** In the process that has the embedded database open. */
export const backupSnapshot: Portable = {
  name: 'backup snapshot',
  summary: 'Copy the files of the embedded database',
  on: 'database',
  async run(db, _args: Args, { dataDir }) {
    const folder = join(dataDir, 'snapshot')
    await db.asOwner(async (connection) => {
      // nothing else runs until this connection is given back
      await connection.plain('checkpoint')
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder, { mode: 0o700 })
      await cp(join(dataDir, 'database'), join(folder, 'database'), { recursive: true })
    })
    return done(null, '')
  },
}
