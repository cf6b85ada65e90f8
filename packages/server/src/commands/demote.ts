/**
 * `demote`: copies the PostgreSQL database into the embedded database of a new data folder, for a support case or to
 * go back. The copy is core/moves'. It is made in a folder beside, which is renamed when it is complete: the folder of
 * `--to` is there with all data, or not at all.
 */
import { existsSync, readdirSync } from 'node:fs'
import { rename, rmdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { openDatabase } from '../base/db/index.ts'
import { type Config, loadConfig } from '../config.ts'
import { finishMove, type MoveReport, moveDatabase } from '../core/moves/index.ts'
import { type Args, type Command, done, Failure, stringOf, UsageError } from './command.ts'
import { databaseTarget, failureOf, folderFailure } from './failures.ts'
import { besideServer, moveFailure, moveOptions, totals } from './move-output.ts'

export const demote: Command = {
  name: 'demote',
  summary: 'Copy the PostgreSQL database into an embedded one',
  about:
    'Copies the data as it is at one moment, while servers serve, into the embedded database of a new data folder; PostgreSQL is not changed. To go back to the embedded database for good, stop all servers first. Every table is compared by count and checksum.',
  options: { to: { type: 'string', value: '<folder>', about: 'A data folder that does not exist yet' } },
  examples: ['DATABASE_URL=postgres://… latchkey demote --to /srv/latchkey-copy'],
  on: 'machine',
  async run(args, { json }) {
    const folder = folderOf(args)
    const config = loadConfig()
    if (config.databaseUrl === null)
      throw new Failure(
        'DATABASE_URL is not set: it names the PostgreSQL database to copy.',
        'NOTHING_TO_MOVE',
      )
    if (existsSync(folder) && readdirSync(folder).length > 0)
      throw new Failure(`${folder} is not empty: name a new folder in --to.`, 'TARGET_NOT_EMPTY')
    // beside, and not in the folder of temporary files: it is renamed, and has the same rights
    const draft = `${folder}.unfinished`
    const report = await copyInto(draft, config, config.databaseUrl, json)
    // one that was filled meanwhile stays as it is, and so does the copy
    await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT')
        throw new Failure(`${folder} is not empty any more; the copy is in ${draft}.`, 'TARGET_NOT_EMPTY')
    })
    await rename(draft, folder)
    return done(
      { to: folder, ...report },
      `Copied ${totals(report)} to ${folder}; each table is equal by count and checksum.\nA server uses it with LATCHKEY_DATA_DIR=${folder}, without DATABASE_URL, and with the same LATCHKEY_SECRET.`,
    )
  },
}

function folderOf(args: Args): string {
  const text = stringOf(args, 'to')
  if (text === null) throw new UsageError('Name a new data folder: --to /srv/latchkey-copy')
  return resolve(text)
}

async function copyInto(
  dataDir: string,
  config: Config,
  databaseUrl: string,
  json: boolean,
): Promise<MoveReport> {
  const common = { pool: 1, ...besideServer(config) }
  const embedded = { ...config, databaseUrl: null, dataDir }
  const { at, database } = databaseTarget(databaseUrl)
  try {
    // without the template, which has tables: the folder is empty, or has an unfinished copy
    const target = await openDatabase({ ...common, databaseUrl: null, dataDir, template: null }).catch(
      (error: unknown) => {
        throw failureOf(error, embedded)
      },
    )
    try {
      const source = await openDatabase({ ...common, databaseUrl, dataDir: null })
      try {
        // the embedded database has one role, which bypasses
        const options = { ...moveOptions(config, json, `${at}/${database}`), isStrict: false }
        const report = await moveDatabase(source, target, options)
        await finishMove(target)
        return report
      } finally {
        await source.close()
      }
    } finally {
      await target.close()
    }
  } catch (error) {
    throw folderFailure((error as { code?: string }).code ?? null, { dataDir }) ?? moveFailure(error, config)
  }
}
