/**
 * Work that happens later: durable one-off jobs written in the same transaction as their cause, and recurring
 * ones. Owns the tables `jobs` and `recurring`: claiming, leases, back-off, giving up. Leaves to the handlers
 * that doing a thing twice does no harm, and that a payload holds no secret: it is stored as it is. The payload of a
 * kind has a schema (kind.ts); a stored one that does not fit is given up at once, with the reason.
 * Invariant: of several nodes one runs a due job; a job is done only when its row is gone.
 */
import { AsyncResource } from 'node:async_hooks'
import type { z } from 'zod'
import { type Clock, later } from '../../base/clock.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import type { Log } from '../../base/log/index.ts'
import type { JobHandler, JobKind, PayloadSchema } from './kind.ts'
import { createRecurring } from './recurring.ts'
import { deleteGivenUp, insertJob } from './sql.ts'
import type { Work } from './work.ts'
import { createWorker } from './worker.ts'

export { job, PayloadLocale, PayloadText } from './kind.ts'
export { recurs, runs, type Work } from './work.ts'

export interface Jobs {
  /**
   * Durable: a row in `jobs`, run at least once after commit, retried with back-off (8 times, over two hours),
   * given up visibly: the row stays with `failed_at` for 30 days, and the log has an error.
   */
  enqueue<S extends PayloadSchema>(
    tx: Tx,
    kind: JobKind<S>,
    payload: z.input<S>,
    options?: { runAt?: Date; now: Date },
  ): Promise<void>
  /** Registers the handler of a kind; one a kind. It must be safe to run twice. */
  on<S extends PayloadSchema>(kind: JobKind<S>, handler: JobHandler<S>): void
  /**
   * Registers recurring work; on several nodes, each due run happens on one of them. The first is due one
   * interval after it is first seen; a run that fails is logged, and the next comes when it is due.
   */
  every(name: string, interval: string, run: (now: Date) => Promise<void>): void
  /** Registers the work of a feature. */
  add(work: readonly Work[]): void
  /** Starts the timers. */
  start(): void
  /**
   * Runs whatever is due now and what that enqueues, and resolves when nothing is due any more; after the test
   * clock moved, and for tests. Works without `start`. Not from inside a handler: it would wait for itself.
   */
  settle(): Promise<void>
  /** Stops the timers, waits for what runs. */
  close(): Promise<void>
}

/** How soon a job is seen that another process enqueued, or that became due. */
const POLL = 1000
/** Of the polls: how often the leases of what runs are extended. */
const EXTEND_EVERY = 60
/** How long a job that was given up can be looked at. Its payload may name people, so not for ever. */
const KEEP_GIVEN_UP = 30 * 86_400_000

export function createJobs({ db, clock, log }: { db: Db; clock: Clock; log: Log }): Jobs {
  const worker = createWorker({ db, clock, log })
  const recurring = createRecurring({ db, clock, log })
  recurring.every('jobs.purge', '1h', (now) => deleteGivenUp(db.hot, later(now, -KEEP_GIVEN_UP)))
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
        // the database is away: said once, tried again with the next poll
        if (!isDown) log.warn({ err }, 'jobs cannot be read')
        isDown = true
      }
    }
    // in the same breath as the last look at `wanted`: whoever wakes from here on begins anew
    polling = null
  }
  // bound here, so that what a commit or a finished job wakes does not run in that one's async context
  const wake = AsyncResource.bind((): void => {
    if (!timer) return
    wanted = true
    polling ??= poll()
  })
  worker.onFinished(wake)

  return {
    async enqueue(tx, kind, payload, options) {
      const now = options?.now ?? clock.now()
      await insertJob(tx, { kind: kind.name, payload, runAt: options?.runAt ?? now, now })
      tx.afterCommit(wake)
    },
    on: worker.on,
    every: recurring.every,
    add(work) {
      for (const one of work) {
        if ('kind' in one) worker.on(one.kind, one.run)
        else recurring.every(one.name, one.interval, one.run)
      }
    },
    start() {
      timer ??= setInterval(wake, POLL).unref()
      wake()
    },
    async settle() {
      const turns = (): number => recurring.turns() + worker.turns()
      for (;;) {
        const before = turns()
        await recurring.startDue()
        await worker.startDue()
        const running = [...recurring.running(), ...worker.running()]
        if (running.length > 0) await Promise.race(running)
        // what ended while we looked may have enqueued more than the look saw
        else if (turns() === before) return
      }
    },
    async close() {
      if (timer) clearInterval(timer)
      timer = null
      await polling
      await Promise.all([...recurring.running(), ...worker.running()])
    },
  }
}
