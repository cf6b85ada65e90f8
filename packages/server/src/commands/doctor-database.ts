/** The database part of `doctor`: runs in the process that has the database open, and changes nothing. */
import { sql } from 'kysely'
import type { Database } from '../base/db/database.ts'
import { assertIsolation, migrationStatus } from '../base/db/index.ts'
import { isUnfinished } from '../base/db/migrate.ts'
import { findStoredDemands, type StoredDemands } from '../core/demands.ts'
import { findMailFault } from '../core/mail/index.ts'
import { done } from './command.ts'
import type { Portable } from './through.ts'

export interface DatabaseReport {
  version: string
  /** `150018` */
  versionNumber: number
  /** It replays the changes of another server, and takes none. */
  isStandby: boolean
  /** The database's clock, ISO 8601. */
  now: string
  /** A move into it was interrupted. */
  isUnfinished: boolean
  pending: string[]
  /** Those of them that remove what earlier versions use. */
  contracts: string[]
  /** Applied by a version after the next one: no server of this version starts. */
  beyond: string[]
  /** Applied by a later version, changed after it was applied, or unknown. */
  odd: string[]
  /** Jobs that have been due for an hour or longer, by kind. */
  waiting: { kind: string; count: number; since: string }[]
  /** Null: row-level security is in effect. */
  isolationFault: string | null
  loginRole: string
  loginRoleBypasses: boolean
  /** Why the latest e-mails were not delivered; null where they were, or none was tried. */
  mailError: string | null
  /** Who must have a second factor; null while migrations are pending. */
  demands: StoredDemands | null
}

export const doctorDatabase: Portable = {
  name: 'doctor database',
  summary: 'Examine the database',
  on: 'database',
  run: async (db) => done(await examine(db), ''),
}

async function examine(db: Database): Promise<DatabaseReport> {
  const facts = await db.asOwner(async (line) => {
    const { rows } = await line.plain(
      `select current_setting('server_version') as version, current_setting('server_version_num') as number, pg_is_in_recovery() as standby,
         to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now, session_user::text as role`,
    )
    const found = rows[0] as { version: string; number: string; standby: boolean; now: string; role: string }
    return { ...found, isUnfinished: await isUnfinished(line) }
  })
  const migrations = await migrationStatus(db)
  const named = (...states: string[]) =>
    migrations.filter(({ state }) => states.includes(state)).map(({ name }) => name)
  // before the first migration there are no roles and no tables to check
  const isFresh = migrations.every(({ state }) => state === 'pending')
  const isolation = isFresh
    ? { loginRoleBypasses: false }
    : await assertIsolation(db).catch((error: Error) => error)
  return {
    version: facts.version,
    versionNumber: Number(facts.number),
    isStandby: facts.standby,
    now: facts.now,
    isUnfinished: facts.isUnfinished,
    pending: named('pending'),
    contracts: migrations
      .filter(({ state, kind }) => state === 'pending' && kind === 'contract')
      .map(({ name }) => name),
    beyond: named('beyond'),
    odd: named('newer', 'changed', 'unknown'),
    waiting: isFresh ? [] : await waitingJobs(db),
    isolationFault: isolation instanceof Error ? isolation.message : null,
    loginRole: facts.role,
    loginRoleBypasses: isolation instanceof Error ? false : isolation.loginRoleBypasses,
    mailError: isFresh ? null : await mailErrorOf(db),
    demands: named('pending').length > 0 ? null : await db.tx('system', findStoredDemands),
  }
}

/** A server claims a due job within seconds, if it knows its kind. */
async function waitingJobs(db: Database): Promise<DatabaseReport['waiting']> {
  const { rows } = await db.tx('system', (tx) =>
    sql<DatabaseReport['waiting'][number]>`
      select kind, count(*)::int as count,
        to_char(min(run_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
      from latchkey.jobs where failed_at is null and run_at < now() - interval '1 hour'
      group by kind order by kind limit 20`.execute(tx),
  )
  return rows
}

/** Independent of the settings of this process: the server may have others. */
async function mailErrorOf(db: Database): Promise<string | null> {
  const fault = await findMailFault(db.hot, { profile: 'production', smtpUrl: 'smtp://of-the-server' })
  return fault?.reason === 'failing' ? fault.error : null
}
