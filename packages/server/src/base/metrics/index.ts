/**
 * Metrics of the server, for Prometheus and what reads its format. Owns the registry of a process: counters and histograms in memory, and
 * gauges that are read when the metrics are. Several workers answer as one (`siblings`). Leaves each metric to the module that knows
 * its value. Invariant: no label is a user, an address or a text that a caller has sent; one may be the id of a thing that
 * administrators make, such as a connection.
 */
import {
  type Cell,
  type CellTable,
  cellTable,
  type HistogramCell,
  histogramCell,
  type Value,
} from './cells.ts'

export type { Cell, HistogramCell } from './cells.ts'

type Labels<L extends string> = Readonly<Record<L, string>>

/** What the series of a gauge are at an instant. */
export interface Sample<L extends string> {
  labels: Labels<L>
  value: number
}

export interface About<L extends string> {
  help: string
  labels: readonly L[]
  /** For the reference: which values a label has. Default: what its name says. */
  values?: Partial<Record<L, readonly string[]>>
}

export interface HistogramAbout<L extends string> extends About<L> {
  /** Upper bounds in ascending order, in the unit of the name. */
  buckets: readonly number[]
}

export interface GaugeAbout<L extends string> extends About<L> {
  /** What several workers report together, where each has its own value; absent: the value is the same for all. */
  workers?: 'sum' | 'min' | 'max'
}

/** The state of one metric in one process, as it is sent between processes; the form is that of prom-client. */
export interface MetricState {
  name: string
  help: string
  type: 'counter' | 'gauge' | 'histogram'
  aggregator: 'sum' | 'first' | 'min' | 'max'
  values: readonly Value[]
}

/** What other processes of the same server have counted, by process. */
export type Siblings = () => Promise<readonly (readonly MetricState[])[]>

export interface Metrics {
  /**
   * Registers a counter.
   * @param name without the prefix `latchkey_`, ending in `_total`
   * @returns the cell of a series; hot paths keep it
   */
  counter<L extends string>(name: string, about: About<L>): (labels: Labels<L>) => Cell
  /** Registers a histogram. @param name without the prefix, ending in its unit */
  histogram<L extends string>(name: string, about: HistogramAbout<L>): (labels: Labels<L>) => HistogramCell
  /**
   * Registers a gauge. `read` is called each time that the metrics are written, unless the call before has not ended: a
   * gauge that fails or does not answer within a second has no series, which `latchkey_metrics_unread` counts.
   * @param name without the prefix `latchkey_`, ending in its unit
   */
  gauge<L extends string>(
    name: string,
    about: GaugeAbout<L>,
    read: (now: Date) => Promise<readonly Sample<L>[]> | readonly Sample<L>[],
  ): void
  /** What this process has counted, without what is the same for all processes. */
  ofProcess(now: Date): Promise<readonly MetricState[]>
  /** All metrics of the server in the text format of Prometheus. */
  write(now: Date): Promise<string>
  /** The registered metrics, for the reference. */
  list(): readonly MetricAbout[]
}

export interface MetricAbout extends Pick<MetricState, 'name' | 'help' | 'type'> {
  labels: readonly string[]
  values: Partial<Record<string, readonly string[]>>
}

interface Registered extends MetricAbout {
  aggregator: MetricState['aggregator']
  read(now: Date): Promise<readonly Value[]>
}

/** Milliseconds that a gauge has, so that a slow database does not hold up what the process itself knows. */
const PATIENCE = 1000

const UNREAD = {
  name: 'latchkey_metrics_unread',
  help: 'Metrics that are missing here because they could not be read in time.',
  type: 'gauge' as const,
  labels: [],
  values: {},
}

export function createMetrics(siblings: Siblings = async () => []): Metrics {
  const registered: Registered[] = []

  function register(metric: Omit<Registered, 'name'> & { name: string }): void {
    const name = `latchkey_${metric.name}`
    if (registered.some((one) => one.name === name))
      throw new Error(`the metric ${name} is already registered`)
    registered.push({ ...metric, name })
  }
  const ofTable = (table: CellTable<unknown>) => async () => table.values()

  async function statesOf(those: readonly Registered[], now: Date): Promise<MetricState[]> {
    let unread = 0
    const states = await Promise.all(
      those.map(async ({ labels: _, values: __, read, ...metric }): Promise<MetricState> => {
        const values = await within(PATIENCE, read(now))
        if (values === null) unread += 1
        return { ...metric, values: values ?? [] }
      }),
    )
    const { labels: _, values: __, ...about } = UNREAD
    return [...states, { ...about, aggregator: 'sum', values: [{ labels: {}, value: unread }] }]
  }

  return {
    counter(name, { help, labels, values = {} }) {
      const table = cellTable(labels, (value) => counterOf(value))
      register({ name, help, labels, values, type: 'counter', aggregator: 'sum', read: ofTable(table) })
      return table.cell
    },
    histogram(name, { help, labels, values = {}, buckets }) {
      const table = cellTable(labels, (of) => histogramCell(`latchkey_${name}`, buckets, of))
      register({ name, help, labels, values, type: 'histogram', aggregator: 'sum', read: ofTable(table) })
      return table.cell
    },
    gauge(name, { help, labels, values = {}, workers = 'first' as const }, read) {
      register({ name, help, labels, values, type: 'gauge', aggregator: workers, read: onceAtATime(read) })
    },
    ofProcess: (now) =>
      statesOf(
        registered.filter(({ aggregator }) => aggregator !== 'first'),
        now,
      ),
    async write(now) {
      const [others, own] = await Promise.all([siblings(), statesOf(registered, now)])
      // loaded when the metrics are read first
      const { AggregatorRegistry } = await import('prom-client')
      const text = await AggregatorRegistry.aggregate([own, ...others] as unknown as object[]).metrics()
      return text
    },
    list: () => [
      ...registered.map(({ name, help, type, labels, values }) => ({ name, help, type, labels, values })),
      UNREAD,
    ],
  }
}

/** @returns null where it fails, or takes longer */
async function within<T>(milliseconds: number, running: Promise<T>): Promise<T | null> {
  let late: NodeJS.Timeout | undefined
  const end = new Promise<null>((resolve) => {
    late = setTimeout(resolve, milliseconds, null)
  })
  const ended = await Promise.race([running.catch(() => null), end])
  clearTimeout(late)
  return ended
}

/** A call during another one gets what that returns. */
function onceAtATime<T>(read: (now: Date) => Promise<T> | T): (now: Date) => Promise<T> {
  let running: Promise<T> | null = null
  return (now) => {
    running ??= (async () => await read(now))().finally(() => {
      running = null
    })
    return running
  }
}

const counterOf = (labels: Readonly<Record<string, string>>) => {
  let value = 0
  return {
    cell: {
      add(amount = 1) {
        value += amount
      },
    } satisfies Cell,
    values: () => [{ labels, value }],
  }
}
