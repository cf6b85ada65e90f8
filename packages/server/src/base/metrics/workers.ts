/**
 * The metrics of several workers (`start --workers`) as those of one server: the worker that answers collects what the others have
 * counted, over the primary process. Of one that has ended or does not answer in time, the primary process has what it counted until it
 * was read last, so that no counter falls; its gauges are left out, which `latchkey_processes` shows.
 */
import type { Value } from './cells.ts'
import type { MetricState, Siblings } from './index.ts'

type States = readonly MetricState[]

/** Between a worker and the primary process, each with the number that its sender gave it. */
interface Message {
  metrics:
    | { kind: 'collect'; id: number; states: States }
    | { kind: 'report'; id: number }
    | { kind: 'reported'; id: number; states: States }
    | { kind: 'collected'; id: number; states: readonly States[] }
    | { kind: 'write'; id: number }
    | { kind: 'written'; id: number; text: string | null }
}

/** The end of an IPC channel: `process` in a worker. */
interface Channel {
  send?(message: Message, sent: (error: Error | null) => void): unknown
  on(event: 'message', receive: (message: unknown) => void): unknown
}

/** A worker as the primary process sees it. */
export interface WorkerChannel {
  id: number
  isConnected(): boolean
  send(message: Message, sent: (error: Error | null) => void): unknown
}

/** What cannot be sent is missing, which the other side notices by the time: without a callback it would be an error of the channel. */
const ignored = (): void => {}

const PATIENCE = 1000
/** Longer than a worker takes that waits for the others. */
const WRITE_PATIENCE = 4000

/**
 * The worker's side.
 * @param own what this process has counted, for the others
 * @param write the text of all metrics, for the primary process
 */
export function siblingsOverPrimary(
  channel: Channel,
  own: () => Promise<States>,
  write: () => Promise<string>,
): Siblings {
  const waiting = new Map<number, (states: readonly States[]) => void>()
  let asked = 0
  const report = (): Promise<States> => own().catch(() => [])
  channel.on('message', (message) => {
    if (!isAboutMetrics(message)) return
    const { metrics } = message
    if (metrics.kind === 'collected') waiting.get(metrics.id)?.(metrics.states)
    if (metrics.kind === 'write') {
      const written = (text: string | null): void =>
        void channel.send?.({ metrics: { kind: 'written', id: metrics.id, text } }, ignored)
      write().then(written, () => written(null))
    }
    if (metrics.kind !== 'report') return
    void report().then((states) =>
      channel.send?.({ metrics: { kind: 'reported', id: metrics.id, states } }, ignored),
    )
  })
  return () =>
    new Promise((resolve) => {
      asked += 1
      const id = asked
      const end = (states: readonly States[]): void => {
        clearTimeout(late)
        waiting.delete(id)
        resolve(states)
      }
      // longer than the primary process waits for the others
      const late = setTimeout(end, 2 * PATIENCE, [])
      waiting.set(id, end)
      void report().then((states) => channel.send?.({ metrics: { kind: 'collect', id, states } }, ignored))
    })
}

/** The primary's side. */
export interface PrimaryMetrics {
  /** Receives each message of a worker. */
  receive(from: WorkerChannel, message: unknown): void
  /** The text of all metrics, by the first worker that answers. Rejects where none does. */
  write(): Promise<string>
}

export function metricsForWorkers(workers: () => readonly WorkerChannel[]): PrimaryMetrics {
  const writing = new Map<number, (text: string | null) => void>()
  let writes = 0
  const collecting = new Map<
    number,
    { missing: Set<number>; answered: number[]; states: States[]; end(): void }
  >()
  let collections = 0
  const counted = countedByWorkers()

  function collect(asker: WorkerChannel, id: number): void {
    collections += 1
    const number = collections
    const others = workers().filter((one) => one.id !== asker.id && one.isConnected())
    const states: States[] = []
    const answered: number[] = []
    const end = (): void => {
      clearTimeout(late)
      if (!collecting.delete(number)) return
      const missing = counted.except([asker.id, ...answered], new Set(workers().map((one) => one.id)))
      if (asker.isConnected())
        asker.send({ metrics: { kind: 'collected', id, states: [...states, ...missing] } }, ignored)
    }
    const late = setTimeout(end, PATIENCE)
    collecting.set(number, { missing: new Set(others.map((one) => one.id)), answered, states, end })
    for (const one of others) one.send({ metrics: { kind: 'report', id: number } }, ignored)
    if (others.length === 0) end()
  }

  const writtenBy = (worker: WorkerChannel): Promise<string | null> =>
    new Promise((resolve) => {
      writes += 1
      const id = writes
      const end = (text: string | null): void => {
        clearTimeout(late)
        writing.delete(id)
        resolve(text)
      }
      const late = setTimeout(end, WRITE_PATIENCE, null)
      writing.set(id, end)
      worker.send({ metrics: { kind: 'write', id } }, ignored)
    })

  return {
    receive(from, message) {
      if (!isAboutMetrics(message)) return
      const { metrics } = message
      if (metrics.kind === 'collect') {
        counted.keep(from.id, metrics.states)
        return collect(from, metrics.id)
      }
      if (metrics.kind === 'written') return writing.get(metrics.id)?.(metrics.text)
      if (metrics.kind !== 'reported') return
      const collection = collecting.get(metrics.id)
      if (!collection?.missing.delete(from.id)) return
      collection.answered.push(from.id)
      collection.states.push(metrics.states)
      counted.keep(from.id, metrics.states)
      if (collection.missing.size === 0) collection.end()
    },
    async write() {
      for (const worker of workers()) {
        const text = worker.isConnected() ? await writtenBy(worker) : null
        if (text !== null) return text
      }
      throw new Error('no worker has answered')
    },
  }
}

const isAboutMetrics = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && 'metrics' in message

/** What each worker had counted when it was read last, and what those have that have ended. */
function countedByWorkers() {
  const last = new Map<number, States>()
  /** By metric and series. */
  const ended = new Map<string, { metric: MetricState; series: Map<string, Value> }>()

  function add(states: States): void {
    for (const metric of states) {
      const known = ended.get(metric.name) ?? { metric, series: new Map() }
      ended.set(metric.name, known)
      for (const value of metric.values) {
        const key = JSON.stringify([value.metricName, value.labels])
        const before = known.series.get(key)?.value ?? 0
        known.series.set(key, { ...value, value: before + value.value })
      }
    }
  }

  return {
    keep(worker: number, states: States): void {
      const counts = states.filter(({ type }) => type !== 'gauge')
      // nothing, where it could not be read
      if (counts.length > 0) last.set(worker, counts)
    },
    /** @param those whose states are there */
    except(those: readonly number[], living: ReadonlySet<number>): States[] {
      for (const [worker, states] of last) {
        if (living.has(worker)) continue
        add(states)
        last.delete(worker)
      }
      const silent = [...last].filter(([worker]) => !those.includes(worker)).map(([, states]) => states)
      const sums = [...ended.values()].map(({ metric, series }) => ({
        ...metric,
        values: [...series.values()],
      }))
      return [...silent, sums]
    },
  }
}
