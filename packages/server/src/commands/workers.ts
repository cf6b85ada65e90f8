/**
 * Supervises worker processes (cluster): starts the first and waits for it, so that one worker migrates, then starts
 * the others. A worker that exits is replaced, unless workers exit as soon as they start. SIGHUP replaces all of them, one after
 * another, each by a worker that listens already: with the code and the `.env` of that moment, while the environment is that
 * of the primary process. Counts rate limits for all workers where there is no Redis.
 */
import cluster, { type Worker } from 'node:cluster'
import { systemClock } from '../base/clock.ts'
import { limitsForWorkers } from '../base/limits/primary.ts'
import type { Log } from '../base/log/index.ts'
import type { MetricsListener } from '../base/metrics/listener.ts'
import { metricsForWorkers } from '../base/metrics/workers.ts'
import { type CommandOutcome, done, Failure } from './command.ts'
import { REPLACED, untilStopped } from './until-stopped.ts'

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
/** Longer than a worker takes to finish its requests; what has not ended by then hangs. */
const MOST_ENDING = 60_000

export interface Supervision {
  lifecycle: Lifecycle
  log: Log
  /** Opens the listener of the metrics, which all workers have together. */
  openMetrics(write: () => Promise<string>): Promise<MetricsListener | null>
}

export async function keepWorkers(
  count: number,
  { lifecycle, log, openMetrics }: Supervision,
): Promise<CommandOutcome> {
  let isStarted = false
  let isStopping = false
  let failedStarts = 0
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})

  const clock = systemClock()
  const startedAt = new Map<number, number>()
  const serving = new Set<number>()
  let isComplete: () => void = () => {}
  const complete = new Promise<void>((resolve) => {
    isComplete = resolve
  })
  const fork = (): Worker => {
    const worker = cluster.fork()
    closeUntaken(worker)
    startedAt.set(worker.id, clock.ticks())
    void listening(worker).then(() => {
      serving.add(worker.id)
      if (serving.size === count) isComplete()
    })
    return worker
  }
  const replace = (): void => {
    const successor = fork()
    void listening(successor).then(() =>
      log.info({ worker: successor.process.pid }, 'another worker serves in its place'),
    )
  }
  // ids of workers whose end is no loss: a successor takes the place of one, or was to take it
  const expendable = new Set<number>()
  cluster.on('exit', (worker, code, signal) => {
    const lifetime = clock.ticks() - (startedAt.get(worker.id) ?? 0)
    startedAt.delete(worker.id)
    serving.delete(worker.id)
    if (isStopping || expendable.delete(worker.id)) return
    failedStarts = lifetime > MIN_LIFETIME ? 0 : failedStarts + 1
    log.warn({ worker: worker.process.pid, exit: signal ?? code }, 'a worker has ended')
    if ((!isStarted && startedAt.size === 0) || failedStarts > MOST_FAILED_STARTS) {
      return fail(
        new Failure('The workers exit as soon as they start; their messages say why.', 'WORKERS_FAILED'),
      )
    }
    setTimeout(() => isStopping || replace(), Math.min(5000, 100 * 2 ** failedStarts))
  })

  const answerLimits = limitsForWorkers()
  const metrics = metricsForWorkers(workersNow)
  cluster.on('message', (worker, message) => {
    metrics.receive(worker, message)
    const answer = answerLimits(message)
    // one that is killed counts as connected until its channel has ended
    if (answer && worker.isConnected()) worker.send(answer, () => {})
  })

  /** @returns whether all have been replaced */
  async function replaceAll(): Promise<boolean> {
    for (const old of workersNow()) {
      if (isStopping || old.isDead()) continue
      expendable.add(old.id)
      const successor = fork()
      expendable.add(successor.id)
      if (!(await Promise.race([listening(successor), ended(successor)]))) {
        if (isStopping) return false
        expendable.delete(old.id)
        if (old.isDead()) replace()
        return false
      }
      expendable.delete(successor.id)
      await retire(old)
    }
    return !isStopping
  }

  let isDue = false
  let isUnderWay = false
  /** Replaces the workers, once more where another request for it arrives meanwhile. */
  async function reload(): Promise<void> {
    isDue = true
    if (!isStarted || isUnderWay) return
    isUnderWay = true
    while (isDue && !isStopping) {
      isDue = false
      log.info({}, 'the workers are being replaced')
      if (await replaceAll()) log.info({}, 'the workers have been replaced')
      else if (!isStopping)
        log.error({}, 'a new worker has not started; the workers that are left keep serving')
    }
    isUnderWay = false
  }

  const listener = await openMetrics(metrics.write)
  const stopped = untilStopped(() => void reload())
  try {
    const first = await Promise.race([listening(fork()), failed, stopped])
    if (typeof first !== 'string') {
      for (let others = count - 1; others > 0; others -= 1) fork()
      await Promise.race([complete, failed, stopped])
      lifecycle.started(first)
      isStarted = true
      if (isDue) void reload()
    }
    lifecycle.stopping(await Promise.race([stopped, failed]))
  } finally {
    isStopping = true
    await endAll()
    await listener?.close()
  }
  lifecycle.stopped()
  return done(undefined, '')
}

/** Resolves when the worker reports that it listens; it may ask about limits before. */
const listening = (worker: Worker): Promise<Listening> =>
  new Promise((resolve) => {
    worker.on('message', (message: object) => 'url' in message && resolve(message as Listening))
  })

/** What Node's cluster sends to a worker with each connection, and receives when the worker has taken it: not documented. */
interface Handover {
  act?: string
  seq?: number
  ack?: number
}

/**
 * Closes a connection that a worker has been given and has not taken when it dies. Node forgets it open, so that its client would wait
 * until it gives up by itself.
 */
function closeUntaken(worker: Worker): void {
  const child = worker.process
  const untaken = new Map<number, { close(): void }>()
  const send = child.send.bind(child) as (...words: unknown[]) => boolean
  child.send = (message: Handover, handle?: unknown, ...rest: unknown[]) => {
    if (message.act === 'newconn' && message.seq !== undefined && handle)
      untaken.set(message.seq, handle as { close(): void })
    return send(message, handle, ...rest)
  }
  child.on('internalMessage', ({ ack }: Handover) => ack !== undefined && untaken.delete(ack))
  worker.once('exit', () => {
    for (const connection of untaken.values()) connection.close()
  })
}

const workersNow = (): Worker[] =>
  Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)

const ended = (worker: Worker): Promise<void> =>
  new Promise((resolve) => {
    if (worker.isDead()) resolve()
    else worker.once('exit', () => resolve())
  })

/** Has a worker finish its requests while its successor accepts new ones, and waits until it has exited. */
async function retire(worker: Worker): Promise<void> {
  const end = ended(worker)
  if (worker.isConnected()) worker.send(REPLACED)
  const hanging = setTimeout(() => worker.process.kill('SIGKILL'), MOST_ENDING)
  await end
  clearTimeout(hanging)
}

/** Sends SIGTERM to every worker, and waits until all have exited. */
async function endAll(): Promise<void> {
  await Promise.all(
    workersNow().map((worker) => {
      const end = ended(worker)
      worker.process.kill('SIGTERM')
      return end
    }),
  )
}
