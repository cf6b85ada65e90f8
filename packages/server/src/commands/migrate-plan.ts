/** `migrate plan`: what `migrate up` would do, and what to do about the servers that run. Changes nothing. */
import { MigrationRefused, planMigrations } from '../base/db/index.ts'
import { mayServeBeside } from '../base/db/migration-files.ts'
import type { MigrationPlan, PlannedLock, PlannedMigration } from '../base/db/migration-plan.ts'
import { type Command, type CommandOutcome, done, Failure } from './command.ts'
import { table } from './terminal.ts'

/** More rows than PostgreSQL reads in the time for which people may wait for an answer. */
const LARGE = 100_000

export const migratePlan: Command = {
  name: 'migrate plan',
  summary: 'Show what pending migrations would do',
  about:
    'Changes nothing. Lists the pending migrations in their order, which tables each locks and how strongly, and whether servers of the previous version may keep serving meanwhile.',
  on: 'database',
  run: async (db) => {
    const plan = await planMigrations(db).catch((error: unknown) => {
      throw error instanceof MigrationRefused ? new Failure(`${error.message}.`, 'MIGRATION_REFUSED') : error
    })
    return planOutcome(plan)
  },
}

/** Pure. */
export function planOutcome(plan: MigrationPlan): CommandOutcome {
  const advice = adviceOf(plan)
  const json = {
    migrations: plan.pending.map(({ name, kind, version, unusedSince, isConcurrent, locks }) => ({
      name,
      kind,
      version,
      unused_since: unusedSince,
      in_transaction: !isConcurrent,
      locks: locks.map((lock) => ({
        table: lock.table,
        mode: lock.mode,
        blocks: blocked(lock),
        grows_with_rows: lock.isLong,
        rows: lock.rows,
      })),
    })),
    from: plan.from,
    to: lastOf(plan),
    previous_version_may_serve: !plan.isFresh && isNextAtMost(plan),
    advice,
  }
  if (plan.pending.length === 0) return done(json, advice)
  const rows = plan.isFresh ? plan.pending.map(bare) : plan.pending.flatMap(described)
  const text = table(['MIGRATION', 'KIND', 'VERSION', 'TABLE', 'LOCK', 'ROWS', 'WAITS'], rows)
  return done(json, `${text}\n\n${advice}`)
}

const bare = ({ name, kind, version }: PlannedMigration): string[] => [name, kind, version, '', '', '', '']

function described(migration: PlannedMigration): string[][] {
  if (migration.locks.length === 0) return [bare(migration)]
  return migration.locks.map((lock, at) => [
    ...(at === 0 ? [migration.name, migration.kind, migration.version] : ['', '', '']),
    lock.table,
    lock.mode,
    lock.rows === null ? 'unknown' : `${lock.rows}`,
    `${blocked(lock)}${lock.isLong && blocked(lock) !== 'nothing' ? ', the longer the more rows' : ''}`,
  ])
}

/** What waits while the lock is held (PostgreSQL, chapter 13.3.1). */
function blocked({ mode }: PlannedLock): 'reads and writes' | 'writes' | 'nothing' {
  if (mode === 'ACCESS EXCLUSIVE') return 'reads and writes'
  return mode === 'SHARE' || mode === 'SHARE ROW EXCLUSIVE' ? 'writes' : 'nothing'
}

/** The minor version of the database afterwards. */
const lastOf = ({ from, pending }: MigrationPlan): string | null => pending.at(-1)?.version ?? from

/** Whether servers of the version that the database has now are no further behind than one minor version afterwards. */
function isNextAtMost(plan: MigrationPlan): boolean {
  const to = lastOf(plan)
  return plan.from === null || to === null || mayServeBeside(plan.from, to)
}

function adviceOf(plan: MigrationPlan): string {
  const { isFresh, from, pending } = plan
  if (pending.length === 0) return 'Nothing to do: all migrations are applied.'
  if (isFresh) return 'The database is empty: the first start, or `latchkey migrate up`, creates all tables.'
  if (!isNextAtMost(plan))
    return `From ${from} to ${lastOf(plan)} is more than one minor version: upgrade to the versions in between one after another, or stop all servers before \`latchkey migrate up\`.`
  const slow = pending.filter(({ locks }) =>
    locks.some((lock) => lock.isLong && blocked(lock) !== 'nothing' && (lock.rows ?? 0) > LARGE),
  )
  const contracts = pending.filter(({ unusedSince }) => unusedSince !== null && unusedSince !== '0.0')
  return [
    ...(slow.length > 0
      ? [
          `Choose a quiet hour: ${namesOf(slow)} makes requests wait while the rows of a large table are read.`,
        ]
      : []),
    ...contracts.map(
      ({ name, unusedSince }) =>
        `Every server must run ${unusedSince} or later before: ${name} removes what earlier versions use.`,
    ),
    'Servers of the previous version may keep serving: run `latchkey migrate up`, then replace them one by one.',
  ].join('\n')
}

const namesOf = (migrations: readonly PlannedMigration[]): string =>
  migrations.map(({ name }) => name).join(', ')
