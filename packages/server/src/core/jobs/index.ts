/**
 * Background jobs: durable one-off jobs, written in the transaction of their cause, and recurring jobs. Owns the tables
 * `jobs` and `recurring`: claims, leases, retries with back-off, failure. Handlers must be idempotent, and payloads
 * must not contain secrets, because they are stored in clear. The payload of a kind has a schema (kind.ts); a stored
 * payload that does not match it fails the job immediately, with the reason. A job of a kind that this version does not
 * know, as after a downgrade, waits for a version that knows it, for 30 days.
 * Invariant: each due job runs on one of several nodes; a job is done only when its row is deleted.
 */
import { AsyncResource } from 'node:async_hooks'
import type { z } from 'zod'
import { later } from '../../base/clock.ts'
import { incompressibleText } from '../../base/crypto.ts'
import type { Tx } from '../../base/db/types.ts'
import type { Tracer } from '../../base/traces/index.ts'
import type { JobHandler, JobKind, PayloadSchema } from './kind.ts'
import { createRecurring } from './recurring.ts'
import { deleteFailedBefore, deleteUnknownBefore, insertJob } from './sql.ts'
import type { Traced, Work } from './work.ts'
import { createWorker, type WorkerOptions } from './worker.ts'

export { job, PayloadLocale, PayloadText } from './kind.ts'
export { deleteJobsAbout } from './sql.ts'
export { recurs, runs, type Work } from './work.ts'

export interface Jobs {
  /**
   * Durable: a row in `jobs`, run at least once after the commit, retried with back-off (8 times, over two hours).
   * A job that fails permanently stays with `failed_at` for 30 days, and the log has an error.
   */
  enqueue<S extends PayloadSchema>(
    tx: Tx,
    kind: JobKind<S>,
    payload: z.input<S>,
    options?: { runAt?: Date; now: Date },
  ): Promise<void>
  /** Registers the only handler of a kind. It must be idempotent. */
  on<S extends PayloadSchema>(kind: JobKind<S>, handler: JobHandler<S>): void
  /**
   * Registers a recurring job; each due run happens on one of several nodes. The first run is due one interval after
   * the registration; a failed run is logged, and the next run happens when it is due.
   */
  every(name: string, interval: string, run: (now: Date) => Promise<void>): void
  /** Registers the work of a feature. */
  add(work: readonly Work[]): void
  /** Writes a job of some size, to see whether the disk has room for it; the caller rolls the transaction back. */
  writeSample(tx: Tx): Promise<void>
  /** Starts the timers. */
  start(): void
  /**
   * Runs every due job and the jobs that they enqueue, and resolves when none is due; after the test clock moved, and
   * for tests. Works without `start`. Not for handlers: it would wait for itself.
   */
  settle(): Promise<void>
  /** As `settle`, where a job was enqueued since the last time; waits for another call that settles it. */
  settleNew(): Promise<void>
  /** Stops the timers, and waits for running jobs. */
  close(): Promise<void>
}

/** Milliseconds between polls: the delay of jobs that another process enqueued, or that became due. */
const POLL = 1000
/** The number of polls between extensions of the leases of running jobs. */
const EXTEND_EVERY = 60
/** The retention of failed jobs. Their payloads may contain personal data. */
const FAILED_RETENTION = 30 * 86_400_000

/** How long a job waits for a version that knows its kind. */
const UNKNOWN_RETENTION = 30 * 86_400_000

/** More than fits into the free space of a few pages. */
const SAMPLE = 48 * 1024

export interface JobOptions extends Omit<WorkerOptions, 'traced'> {
  tracer?: Pick<Tracer, 'work'> | null
}

export function createJobs({ tracer = null, ...options }: JobOptions): Jobs {
  const { db, clock, log } = options
  const traced: Traced = tracer ? (name, run) => tracer.work(`job ${name}`, run) : (_name, run) => run()
  const worker = createWorker({ ...options, traced })
  const recurring = createRecurring({ db, clock, log, traced })
  recurring.every('jobs.purge', '1h', async (now) => {
    await deleteFailedBefore(db.hot, later(now, -FAILED_RETENTION))
    const kinds = worker.kinds()
    if (kinds.length === 0) return
    const deleted = await deleteUnknownBefore(db.hot, kinds, later(now, -UNKNOWN_RETENTION))
    if (deleted.length > 0)
      log.warn({ jobs: deleted }, 'jobs of kinds that this version does not know were deleted after 30 days')
  })
  let timer: NodeJS.Timeout | null = null
  let polling: Promise<void> | null = null
  let wanted = false
  let polls = 0
  let isDown = false

  const poll = async (): Promise<void> => {
    while (wanted && timer) {
      wanted = false
      try {
        if (polls++ % EXTEND_EVERY === EXTEND_EVERY - 1) await worker.extendLeases()
        await recurring.startDue()
        while ((await worker.startDue()) > 0);
        isDown = false
      } catch (err) {
        // the database is unreachable: logged once, retried with the next poll
        if (!isDown) log.warn({ err }, 'reading jobs failed')
        isDown = true
      }
    }
    // without an await since the last read of `wanted`, so that a later wake starts a new poll
    polling = null
  }
  // bound here, so that a poll does not run in the async context of the commit or job that woke it
  const wake = AsyncResource.bind((): void => {
    if (!timer) return
    wanted = true
    polling ??= poll()
  })
  worker.onFinished(wake)

  async function settle(): Promise<void> {
    const turns = (): number => recurring.turns() + worker.turns()
    for (;;) {
      const before = turns()
      await recurring.startDue()
      await worker.startDue()
      const running = [...recurring.running(), ...worker.running()]
      if (running.length > 0) await Promise.race(running)
      // a job that ended during the claims may have enqueued further jobs
      else if (turns() === before) return
    }
  }
  let hasNew = false
  let settling: Promise<void> = Promise.resolve()

  return {
    async enqueue(tx, kind, payload, options) {
      const now = options?.now ?? clock.now()
      await insertJob(tx, { kind: kind.name, payload, runAt: options?.runAt ?? now, now })
      tx.afterCommit(() => {
        hasNew = true
        wake()
      })
    },
    on: worker.on,
    every: recurring.every,
    add(work) {
      for (const one of work) {
        if ('kind' in one) worker.on(one.kind, one.run)
        else recurring.every(one.name, one.interval, one.run)
      }
    },
    async writeSample(tx) {
      const now = clock.now()
      await insertJob(tx, {
        kind: 'jobs.sample',
        payload: { random: incompressibleText(SAMPLE) },
        runAt: now,
        now,
      })
    },
    start() {
      timer ??= setInterval(wake, POLL).unref()
      wake()
    },
    settle,
    settleNew() {
      if (hasNew) settling = settling.catch(() => undefined).then(settle)
      hasNew = false
      // a failure of the database is that of the jobs, which are tried again, and not of the request
      return settling.catch(() => undefined)
    },
    async close() {
      if (timer) clearInterval(timer)
      timer = null
      await polling
      await Promise.all([...recurring.running(), ...worker.running()])
    },
  }
}
