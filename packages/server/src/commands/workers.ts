/**
 * Keeps a number of serving processes: the first is waited for, so that one migrates and the others find it
 * done; one that dies is replaced, unless they die as fast as they are made.
 */
import cluster, { type Worker } from 'node:cluster'
import { systemClock } from '../base/clock.ts'
import { done, Failure, type Outcome } from './command.ts'
import { type Listening, untilStopped } from './start.ts'

/** A worker that lived this long was no failed start. */
const LONG_ENOUGH = 10_000
const MOST_FAILED_STARTS = 5

export async function keepWorkers(
  count: number,
  onListening: (listening: Listening) => void,
): Promise<Outcome> {
  let isStopping = false
  let failedStarts = 0
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})

  const clock = systemClock()
  const begun = new Map<number, number>()
  const fork = (): Worker => {
    const worker = cluster.fork()
    begun.set(worker.id, clock.ticks())
    return worker
  }
  cluster.on('exit', (worker, code, signal) => {
    const lived = clock.ticks() - (begun.get(worker.id) ?? 0)
    begun.delete(worker.id)
    if (isStopping) return
    failedStarts = lived > LONG_ENOUGH ? 0 : failedStarts + 1
    process.stderr.write(`Worker ${worker.process.pid} ended (${signal ?? code}).\n`)
    if (begun.size === 0 || failedStarts > MOST_FAILED_STARTS) {
      return fail(
        new Failure('The workers end as soon as they start; their messages above say why.', 'WORKERS_FAILED'),
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

/** Asks every worker to finish, and waits until all have. */
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
