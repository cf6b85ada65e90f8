/**
 * Supervises worker processes (cluster): starts the first and waits for it, so that one worker migrates, then starts
 * the others. A worker that exits is replaced, unless workers exit as soon as they start.
 */
import cluster, { type Worker } from 'node:cluster'
import { systemClock } from '../base/clock.ts'
import { type CommandOutcome, done, Failure } from './command.ts'
import { untilStopped } from './until-stopped.ts'

/** The facts about a process that listens. */
export interface Listening {
  url: string
  /** The link to create the first administrator; null where one exists. */
  setupLink: string | null
}

/** A worker that exits before this counts as a failed start. */
const MIN_LIFETIME = 10_000
const MOST_FAILED_STARTS = 5

export async function keepWorkers(
  count: number,
  onListening: (listening: Listening) => void,
): Promise<CommandOutcome> {
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
    process.stderr.write(`Worker ${worker.process.pid} ended (${signal ?? code}).\n`)
    if (startedAt.size === 0 || failedStarts > MOST_FAILED_STARTS) {
      return fail(
        new Failure('The workers exit as soon as they start; see their messages above.', 'WORKERS_FAILED'),
      )
    }
    setTimeout(() => isStopping || fork(), Math.min(5000, 100 * 2 ** failedStarts))
  })

  const stopped = untilStopped()
  try {
    const first = await Promise.race([listening(fork()), failed, stopped])
    if (first) {
      const others = Array.from({ length: count - 1 }, () => listening(fork()))
      await Promise.race([Promise.all(others), failed, stopped])
      onListening(first)
      await Promise.race([stopped, failed])
    }
  } finally {
    isStopping = true
    await endAll()
  }
  return done(undefined, '')
}

const listening = (worker: Worker): Promise<Listening> =>
  new Promise((resolve) => worker.once('message', resolve))

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
