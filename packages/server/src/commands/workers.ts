/**
 * Supervises worker processes (cluster): starts the first and waits for it, so that one worker migrates, then starts
 * the others. A worker that exits is replaced, unless workers exit as soon as they start. Counts rate limits for all
 * workers where there is no Redis.
 */
import cluster, { type Worker } from 'node:cluster'
import { systemClock } from '../base/clock.ts'
import { limitsForWorkers } from '../base/limits/primary.ts'
import type { Log } from '../base/log/index.ts'
import { type CommandOutcome, done, Failure } from './command.ts'
import { untilStopped } from './until-stopped.ts'

/** The facts about a process that listens. */
export interface Listening {
  url: string
  /** The link to create the first administrator; null where one exists. */
  setupLink: string | null
}

/** What a server reports of its start and its end. */
export interface Lifecycle {
  started(listening: Listening): void
  stopping(signal: string): void
  stopped(): void
}

/** A worker that exits before this counts as a failed start. */
const MIN_LIFETIME = 10_000
const MOST_FAILED_STARTS = 5

export async function keepWorkers(count: number, lifecycle: Lifecycle, log: Log): Promise<CommandOutcome> {
  let isStopping = false
  let failedStarts = 0
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})

  const clock = systemClock()
  const startedAt = new Map<number, number>()
  const fork = (): Worker => {
    const worker = cluster.fork()
    startedAt.set(worker.id, clock.ticks())
    return worker
  }
  cluster.on('exit', (worker, code, signal) => {
    const lifetime = clock.ticks() - (startedAt.get(worker.id) ?? 0)
    startedAt.delete(worker.id)
    if (isStopping) return
    failedStarts = lifetime > MIN_LIFETIME ? 0 : failedStarts + 1
    log.warn({ worker: worker.process.pid, exit: signal ?? code }, 'a worker has ended')
    if (startedAt.size === 0 || failedStarts > MOST_FAILED_STARTS) {
      return fail(
        new Failure('The workers exit as soon as they start; their messages say why.', 'WORKERS_FAILED'),
      )
    }
    setTimeout(() => isStopping || fork(), Math.min(5000, 100 * 2 ** failedStarts))
  })

  const answerLimits = limitsForWorkers()
  cluster.on('message', (worker, message) => {
    const answer = answerLimits(message)
    if (answer && worker.isConnected()) worker.send(answer)
  })

  const stopped = untilStopped()
  try {
    const first = await Promise.race([listening(fork()), failed, stopped])
    if (typeof first !== 'string') {
      const others = Array.from({ length: count - 1 }, () => listening(fork()))
      await Promise.race([Promise.all(others), failed, stopped])
      lifecycle.started(first)
    }
    lifecycle.stopping(await Promise.race([stopped, failed]))
  } finally {
    isStopping = true
    await endAll()
  }
  lifecycle.stopped()
  return done(undefined, '')
}

/** Resolves when the worker reports that it listens; it may ask about limits before. */
const listening = (worker: Worker): Promise<Listening> =>
  new Promise((resolve) => {
    worker.on('message', (message: object) => 'url' in message && resolve(message as Listening))
  })

/** Sends SIGTERM to every worker, and waits until all have exited. */
async function endAll(): Promise<void> {
  const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
  await Promise.all(
    workers.map((worker) => {
      const ended = new Promise((resolve) => worker.once('exit', resolve))
      worker.process.kill('SIGTERM')
      return ended
    }),
  )
}
