/** `migrate up|down|status`: database migrations. The rules are base/db's; this is input and output. */
import {
  migrateUp as apply,
  MigrationRefused,
  migrationStatus,
  migrateDown as revert,
} from '../base/db/index.ts'
import type { MigrationStatus } from '../base/db/migrate.ts'
import {
  type Args,
  type Command,
  type CommandOutcome,
  done,
  Failure,
  stringOf,
  UsageError,
} from './command.ts'
import { moment, table } from './terminal.ts'

export const migrateUp: Command = {
  name: 'migrate up',
  summary: 'Apply pending migrations',
  about: 'The server also does this at its start; run it before a deployment to separate the two.',
  on: 'database',
  run: async (db) => changed('Applied', await refusals(apply(db))),
}

export const migrateDown: Command = {
  name: 'migrate down',
  summary: 'Revert the last migration',
  about: 'Drops what the migration created, with its data. The embedded database must not be in use.',
  options: {
    steps: { type: 'string', value: '<n>', about: 'Revert the last n migrations (default 1)' },
    to: {
      type: 'string',
      value: '<name>',
      about: 'Revert all migrations after this one; `0` leaves an empty database',
    },
    yes: { type: 'boolean', about: 'Confirm the loss of data' },
  },
  on: 'database',
  alone: true,
  async prepare(args) {
    targetOf(args)
    if (args.values.yes === true) return args
    throw new UsageError('Reverting migrations drops data. Confirm with --yes.')
  },
  run: async (db, args) => changed('Reverted', await refusals(revert(db, targetOf(args)))),
}

export const migrateStatus: Command = {
  name: 'migrate status',
  summary: 'List migrations with their state',
  on: 'database',
  run: async (db) => showStatus(await migrationStatus(db)),
}

function targetOf(args: Args): { steps: number } | { to: string | 0 } {
  const [steps, to] = [stringOf(args, 'steps'), stringOf(args, 'to')]
  if (steps !== null && to !== null) throw new UsageError('--steps and --to exclude each other.')
  if (to !== null) return { to: to === '0' ? 0 : to }
  if (steps !== null && !/^[1-9]\d{0,3}$/.test(steps))
    throw new UsageError('--steps takes a whole number from 1.')
  return { steps: Number(steps ?? 1) }
}

async function refusals<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof MigrationRefused ? new Failure(`${error.message}.`, 'MIGRATION_REFUSED') : error
  })
}

const changed = (what: string, names: readonly string[]): CommandOutcome =>
  done(
    { migrations: names },
    names.length === 0 ? 'Nothing to do.' : names.map((name) => `${what} ${name}`).join('\n'),
  )

function showStatus(list: readonly MigrationStatus[]): CommandOutcome {
  const json = {
    migrations: list.map(({ name, state, appliedAt, kind, version }) => ({
      name,
      state,
      applied_at: appliedAt,
      kind,
      version,
    })),
  }
  const rows = list.map(({ name, state, appliedAt }) => [name, state, appliedAt ? moment(appliedAt) : ''])
  const isGood = list.every(({ state }) => state === 'applied' || state === 'pending' || state === 'newer')
  return { exit: isGood ? 0 : 1, json, text: table(['MIGRATION', 'STATE', 'APPLIED'], rows) }
}
