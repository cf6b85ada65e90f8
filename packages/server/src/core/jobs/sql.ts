/** The statements of the job queue. A claim is one statement, so that two nodes never run the same job. */
import { sql } from 'kysely'
import { compiledOnce } from '../../base/db/compiled.ts'
import type { Statements } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'

export interface ClaimedJob {
  id: string
  kind: string
  /** As it is stored. */
  payload: unknown
  /** Includes this attempt; also identifies the lease. */
  attempts: number
}

export async function insertJob(
  tx: Statements,
  { payload, ...job }: { kind: string; payload: Record<string, unknown>; runAt: Date; now: Date },
): Promise<void> {
  await tx.executeQuery(insert({ id: newId('job'), payload: JSON.stringify(payload), ...job }))
}

const insert = compiledOnce(
  (_, job: { id: string; kind: string; payload: string; runAt: Date; now: Date }) => sql`
    insert into latchkey.jobs (id, kind, payload, run_at, created_at)
    values (${job.id}, ${job.kind}, ${job.payload}, ${job.runAt}, ${job.now})`,
)

/** Claims due jobs; no other node claims them before `leaseEnd`. */
export async function claimJobs(
  db: Statements,
  of: { kinds: string[]; notThese: string[]; now: Date; leaseEnd: Date; limit: number },
): Promise<ClaimedJob[]> {
  const { rows } = await sql<ClaimedJob>`
    with due as materialized (
      select id from latchkey.jobs
      where failed_at is null and run_at <= ${of.now} and kind = any(${of.kinds}::text[]) and id <> all(${of.notThese}::text[])
      order by run_at, id
      limit ${of.limit}
      for update skip locked
    )
    update latchkey.jobs j set run_at = ${of.leaseEnd}, attempts = attempts + 1
    from due where j.id = due.id
    returning j.id, j.kind, j.payload, j.attempts`.execute(db)
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
}

export async function extendLeases(db: Statements, ids: string[], leaseEnd: Date): Promise<void> {
  await sql`
    update latchkey.jobs set run_at = ${leaseEnd}
    where id = any(${ids}::text[]) and failed_at is null`.execute(db)
}

/** Deletes a finished job, also where another node holds its lease by now. */
export async function deleteJob(db: Statements, id: string): Promise<void> {
  await sql`delete from latchkey.jobs where id = ${id}`.execute(db)
}

/** Without effect where the lease expired and another node has claimed the job. */
export async function postponeJob(
  db: Statements,
  job: ClaimedJob,
  outcome: { error: string; runAt: Date; failedAt: Date | null },
): Promise<void> {
  await sql`
    update latchkey.jobs
    set run_at = ${outcome.runAt}, failed_at = ${outcome.failedAt}::timestamptz, last_error = ${outcome.error}
    where id = ${job.id} and attempts = ${job.attempts}`.execute(db)
}

/** Deletes jobs, waiting or failed, whose payload names a user or what the user is called; under way they end unchanged. */
export async function deleteJobsAbout(
  db: Statements,
  { userId, identifiers }: { userId: string; identifiers: readonly string[] },
): Promise<void> {
  await sql`
    delete from latchkey.jobs j where exists (
      select from jsonb_each_text(j.payload) p
      where p.value = ${userId} or lower(btrim(p.value)) = any(${[...identifiers]}::text[]))`.execute(db)
}

/** Deletes jobs that failed permanently before then. */
export async function deleteFailedBefore(db: Statements, before: Date): Promise<void> {
  await sql`delete from latchkey.jobs where failed_at < ${before}`.execute(db)
}

/** Deletes jobs of other kinds than these that have been due since before then. @returns how many of each kind */
export async function deleteUnknownBefore(
  db: Statements,
  kinds: string[],
  before: Date,
): Promise<{ kind: string; count: number }[]> {
  const { rows } = await sql<{ kind: string; count: number }>`
    with deleted as (
      delete from latchkey.jobs
      where failed_at is null and run_at < ${before} and kind <> all(${kinds}::text[])
      returning kind
    )
    select kind, count(*)::int as count from deleted group by kind order by kind`.execute(db)
  return rows
}

/** A shorter interval than the stored one takes effect immediately. */
export async function registerRecurring(db: Statements, name: string, nextAt: Date): Promise<void> {
  await sql`
    insert into latchkey.recurring as r (name, next_at) values (${name}, ${nextAt})
    on conflict (name) do update set next_at = least(r.next_at, excluded.next_at)`.execute(db)
}

/** Claims due recurring jobs, each for one node; the next run is due at `now` plus the interval. */
export async function claimRecurring(
  db: Statements,
  names: string[],
  seconds: number[],
  now: Date,
): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    update latchkey.recurring r set next_at = ${now}::timestamptz + make_interval(secs => w.seconds)
    from unnest(${names}::text[], ${seconds}::float8[]) as w (name, seconds)
    where r.name = w.name and r.next_at <= ${now}
    returning r.name`.execute(db)
  return rows.map(({ name }) => name)
}

/** Jobs that are counted at most, so that a long queue takes no longer to count. */
const MOST_COUNTED = 10_000

/** Jobs that are due and have not begun, and for how many seconds the first has been; by the index `jobs_due`. */
export async function countDueJobs(
  db: Statements,
  now: Date,
): Promise<{ pending: number; oldestSeconds: number }> {
  const { rows } = await sql<{ pending: number; first: Date | null }>`
    select count(*)::int as pending, min(run_at) as first from (
      select run_at from latchkey.jobs
      where failed_at is null and run_at <= ${now} order by run_at limit ${sql.raw(String(MOST_COUNTED))}
    ) due`.execute(db)
  const { pending = 0, first = null } = rows[0] ?? {}
  return { pending, oldestSeconds: first === null ? 0 : (now.getTime() - first.getTime()) / 1000 }
}
