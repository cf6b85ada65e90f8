/**
 * One-off jobs: claimed a few at a time, run outside of transactions, then deleted, postponed or failed. An attempt
 * counts from its claim, so that a job that crashes the process also fails after the last attempt.
 */
import { type Clock, later } from '../../base/clock.ts'
import type { Db } from '../../base/db/types.ts'
import { type Log, scrub } from '../../base/log/index.ts'
import { type JobHandler, type JobKind, PayloadMismatch, type PayloadSchema, readPayload } from './kind.ts'
import { type ClaimedJob, claimJobs, deleteJob, extendLeases, postponeJob } from './sql.ts'
import type { Traced } from './work.ts'

const AT_ONCE = 4
const LEASE = 5 * 60_000
const MOST_ATTEMPTS = 8
const FIRST_WAIT = 10_000
const LONGEST_WAIT = 3_600_000

/** 10 s, 30 s, 90 s … an hour, with 20 % jitter, so that jobs that failed together are not retried together. */
function backOff(attempts: number): number {
  const wait = Math.min(FIRST_WAIT * 3 ** (attempts - 1), LONGEST_WAIT)
  return Math.round(wait * (0.9 + Math.random() * 0.2))
}

export interface Worker {
  on<S extends PayloadSchema>(kind: JobKind<S>, handler: JobHandler<S>): void
  /** Claims and starts due jobs, up to the limit of concurrency. @returns how many */
  startDue(): Promise<number>
  extendLeases(): Promise<void>
  /** The kinds that have a handler. */
  kinds(): string[]
  running(): Promise<void>[]
  /** The number of starts and ends so far; unchanged: nothing happened in between. */
  turns(): number
  onFinished(wake: () => void): void
}

/** What became of an attempt: `retried` follows later, `failed` is for good. */
export type JobOutcome = 'done' | 'retried' | 'failed'

export interface WorkerOptions {
  db: Db
  clock: Clock
  log: Log
  traced: Traced
  /** Counts what became of each attempt, for metrics. */
  ended?: (kind: string, outcome: JobOutcome) => void
}

export function createWorker({ db, clock, log, traced, ended = () => {} }: WorkerOptions): Worker {
  const handlers = new Map<string, (payload: unknown, now: Date) => Promise<void>>()
  const running = new Map<string, Promise<void>>()
  let finished = (): void => {}
  let turns = 0
  let claiming: Promise<unknown> = Promise.resolve()

  const leaseEnd = (): Date => later(clock.now(), LEASE)

  const giveBack = async (job: ClaimedJob, cause: unknown): Promise<void> => {
    // a retry would read the same payload
    const isLast = job.attempts >= MOST_ATTEMPTS || cause instanceof PayloadMismatch
    const now = clock.now()
    await postponeJob(db.hot, job, {
      error: scrub(String(cause)).slice(0, 500),
      runAt: isLast ? now : later(now, backOff(job.attempts)),
      failedAt: isLast ? now : null,
    })
    const fields = { job: job.id, kind: job.kind, attempts: job.attempts, err: cause }
    ended(job.kind, isLast ? 'failed' : 'retried')
    if (isLast) log.error(fields, 'a job failed permanently')
    else log.warn(fields, 'a job failed, it is retried')
  }

  const perform = async (job: ClaimedJob): Promise<void> => {
    try {
      const handler = handlers.get(job.kind)
      if (!handler) throw new Error(`no handler for ${job.kind}`)
      if (job.attempts > MOST_ATTEMPTS) throw new Error('the process ended during every attempt')
      await traced(job.kind, () => handler(job.payload, clock.now()))
      await deleteJob(db.hot, job.id)
      ended(job.kind, 'done')
    } catch (error) {
      await giveBack(job, error)
    }
  }

  const start = (job: ClaimedJob): void => {
    const done = perform(job)
      // the job stays claimed, and runs again when the lease expires
      .catch((err) => log.error({ job: job.id, kind: job.kind, err }, 'writing the outcome of a job failed'))
      .finally(() => {
        running.delete(job.id)
        turns += 1
        finished()
      })
    running.set(job.id, done)
    turns += 1
  }

  const startDue = async (): Promise<number> => {
    const limit = AT_ONCE - running.size
    if (limit <= 0 || handlers.size === 0) return 0
    // the test clock may pass the end of a lease of this process: its running jobs are excluded
    const claim = { kinds: [...handlers.keys()], notThese: [...running.keys()], limit }
    const jobs = await claimJobs(db.hot, { ...claim, now: clock.now(), leaseEnd: leaseEnd() })
    for (const job of jobs) start(job)
    return jobs.length
  }

  return {
    on(kind, handler) {
      if (handlers.has(kind.name)) throw new Error(`the job ${kind.name} already has a handler`)
      handlers.set(kind.name, async (payload, now) => handler(readPayload(kind, payload), now))
    },
    startDue() {
      const claimed = claiming.then(startDue)
      claiming = claimed.catch(() => undefined)
      return claimed
    },
    async extendLeases() {
      if (running.size > 0) await extendLeases(db.hot, [...running.keys()], leaseEnd())
    },
    kinds: () => [...handlers.keys()],
    running: () => [...running.values()],
    turns: () => turns,
    onFinished(wake) {
      finished = wake
    },
  }
}
