/**
 * `promote`: moves the embedded database to PostgreSQL. The copy and its checks are core/moves'; this opens the two
 * databases, marks the data folder and prints. It refuses while a server runs: a change that is made during the move
 * would be lost, and the server has to be restarted with another setting anyway.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import type { Database } from '../base/db/database.ts'
import { openDatabase } from '../base/db/index.ts'
import { findPromoted, markPromoted, promotedFile } from '../base/db/promoted.ts'
import { withoutPassword } from '../config/kinds.ts'
import { type Config, loadConfig, SETTINGS } from '../config.ts'
import {
  finishMove,
  type MoveOptions,
  MoveRefused,
  type MoveReport,
  moveDatabase,
  planMove,
} from '../core/moves/index.ts'
import {
  type Args,
  type Command,
  type CommandOutcome,
  done,
  Failure,
  stringOf,
  UsageError,
} from './command.ts'
import { databaseTarget, failureOf } from './failures.ts'
import { besideServer, moveFailure, moveOptions, totals } from './move-output.ts'
import { pairs } from './terminal.ts'

export const promote: Command = {
  name: 'promote',
  summary: 'Move the embedded database to PostgreSQL',
  about:
    'Stop the server first. The target is an empty database of PostgreSQL 15 or newer; its role is prepared as the guide for production describes. Every table is copied and then compared by count and checksum. If the command is interrupted, nothing has changed in the data folder, and the same command continues. Afterwards the folder no longer starts: set DATABASE_URL. Leave the password out of --to, and give it in PGPASSWORD or ~/.pgpass.',
  options: {
    to: {
      type: 'string',
      value: '<url>',
      about: 'The empty database, such as postgres://latchkey@db/latchkey',
    },
    'dry-run': { type: 'boolean', about: 'Check everything, and copy nothing' },
  },
  examples: [
    'latchkey promote --to postgres://latchkey@db/latchkey',
    'latchkey promote --to postgres://… --dry-run',
  ],
  on: 'machine',
  async run(args, { json }) {
    const to = targetUrl(args)
    const config = loadConfig()
    if (config.databaseUrl !== null && config.databaseUrl !== to)
      throw new Failure(
        `DATABASE_URL is set, so that the server uses that database and not the embedded one in ${config.dataDir}: remove it for this command.`,
        'NOT_EMBEDDED',
      )
    if (!existsSync(join(config.dataDir, 'database', 'PG_VERSION')))
      throw new Failure(`There is no embedded database in ${config.dataDir}.`, 'NOTHING_TO_MOVE')
    const promoted = await findPromoted(config.dataDir)
    const move = { config, to, json, movedTo: promoted && (promoted.to ?? 'the marker cannot be read') }
    return args.values['dry-run'] === true
      ? await between(move, (source, target) => plan(source, target, move))
      : await between(move, (source, target) => perform(source, target, move))
  },
}

interface Move {
  config: Config
  to: string
  json: boolean
  movedTo: string | null
}

function targetUrl(args: Args): string {
  const text = stringOf(args, 'to')
  if (text === null) throw new UsageError('Name the database to move to: --to postgres://user@host/database')
  try {
    return SETTINGS.databaseUrl.kind.read(text) ?? text
  } catch {
    throw new UsageError(`--to takes ${SETTINGS.databaseUrl.kind.takes}.`)
  }
}

/** Opens both databases; the lock of the data folder keeps servers and other commands out. */
async function between(
  { config, to }: Move,
  work: (source: Database, target: Database) => Promise<CommandOutcome>,
): Promise<CommandOutcome> {
  const common = { pool: 2, ...besideServer(config) }
  const embedded = { ...config, databaseUrl: null }
  const source = await openDatabase({
    ...common,
    databaseUrl: null,
    dataDir: config.dataDir,
    evenPromoted: true,
  }).catch((error: unknown) => {
    throw failureOf(error, embedded)
  })
  try {
    const target = await openDatabase({ ...common, databaseUrl: to, dataDir: null })
    try {
      return await work(source, target)
    } finally {
      await target.close()
    }
  } catch (error) {
    throw explained(error, { ...config, databaseUrl: to })
  } finally {
    await source.close()
  }
}

/** In the words of a start, which speak of DATABASE_URL. */
function explained(error: unknown, config: Config): unknown {
  const failure = moveFailure(error, config)
  if (failure instanceof Failure)
    return new Failure(failure.message.replaceAll('DATABASE_URL', '--to'), failure.code)
  return error
}

const optionsOf = ({ config, json, movedTo }: Move): MoveOptions => ({
  ...moveOptions(config, json, config.dataDir),
  movedTo,
})

const placeOf = (to: string): string => {
  const { at, database } = databaseTarget(to)
  return `${at}/${database}`
}

async function plan(source: Database, target: Database, move: Move): Promise<CommandOutcome> {
  const report = await planMove(source, target, optionsOf(move))
  const how = {
    new: 'The target is empty.',
    resumed: 'An interrupted move would be continued.',
    again: 'An interrupted move would begin again, because the data has changed since.',
  }[report.begun]
  const counts = Object.entries(report.tables).map(([name, rows]) => [name, String(rows)] as const)
  return done(
    { dry_run: true, ...documentOf(move.to, report) },
    `${counts.length === 0 ? '' : `${pairs(counts)}\n\n`}${totals(report)} would be copied to ${placeOf(move.to)}. ${how} Nothing was changed.`,
  )
}

const documentOf = (to: string, { tables, rows, begun }: MoveReport) => ({
  to: placeOf(to),
  begun,
  rows,
  tables,
})

async function perform(source: Database, target: Database, move: Move): Promise<CommandOutcome> {
  const { config, to } = move
  const options = optionsOf(move)
  const report = await moveDatabase(source, target, options).catch((error: unknown) => {
    throw interrupted(error, { ...config, databaseUrl: to })
  })
  // first the marker: between the two, neither of the databases starts, and the same command ends the move
  await markPromoted(config.dataDir, { to: placeOf(to), at: systemClock().now().toISOString() })
  await finishMove(target)
  const url = withoutPassword(to)
  const again = { new: '', resumed: ' (continued)', again: ' (begun again)' }[report.begun]
  return done(
    { ...documentOf(to, report), database_url: url, marker: promotedFile(config.dataDir) },
    `Moved ${totals(report)} to ${placeOf(to)}${again}; each table is equal by count and checksum.\nBefore the next start, set:\n\n  DATABASE_URL=${url}\n\n${config.dataDir} no longer starts without it. To undo the move, delete ${promotedFile(config.dataDir)}.`,
    config.profile === 'production' ? [] : secretNote(config),
  )
}

/** Outside production the secret may be the one that was generated in the data folder. */
const secretNote = ({ dataDir }: Config): string[] => [
  `The secret belongs to the data: keep LATCHKEY_SECRET, or ${dataDir} with the one that was generated there.`,
]

function interrupted(error: unknown, config: Config): unknown {
  const failure = explained(error, config)
  if (error instanceof MoveRefused || !(failure instanceof Failure)) return failure
  return new Failure(
    `${failure.message} Nothing has changed in ${config.dataDir}; run the same command again to continue.`,
    failure.code,
  )
}
