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
}

export interface HistogramAbout<L extends string> extends About<L> {
  /** Upper bounds in ascending order, in the unit of the name. */
  buckets: readonly number[]
}

export interface GaugeAbout<L extends string> extends About<L> {
  /** Whether each process has its part of the value, which is summed over workers; otherwise it is the same for all. Default: false. */
  isOfProcess?: boolean
}

/** The state of one metric in one process, as it is sent between processes; the form is that of prom-client. */
export interface MetricState {
  name: string
  help: string
  type: 'counter' | 'gauge' | 'histogram'
  aggregator: 'sum' | 'first'
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
   * Registers a gauge. `read` is called each time that the metrics are written.
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
  list(): readonly Pick<MetricState, 'name' | 'help' | 'type'>[]
}

interface Registered {
  name: string
  help: string
  type: MetricState['type']
  isShared: boolean
  read(now: Date): Promise<readonly Value[]>
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

  const stateOf = async (
    { name, help, type, isShared, read }: Registered,
    now: Date,
  ): Promise<MetricState> => ({
    name,
    help,
    type,
    aggregator: isShared ? 'first' : 'sum',
    values: await read(now),
  })
  const ofProcess = (now: Date): Promise<MetricState[]> =>
    Promise.all(registered.filter(({ isShared }) => !isShared).map((metric) => stateOf(metric, now)))

  return {
    counter(name, { help, labels }) {
      const table = cellTable(labels, (value) => counterOf(value))
      register({ name, help, type: 'counter', isShared: false, read: ofTable(table) })
      return table.cell
    },
    histogram(name, { help, labels, buckets }) {
      const table = cellTable(labels, (of) => histogramCell(`latchkey_${name}`, buckets, of))
      register({ name, help, type: 'histogram', isShared: false, read: ofTable(table) })
      return table.cell
    },
    gauge(name, { help, isOfProcess = false }, read) {
      register({ name, help, type: 'gauge', isShared: !isOfProcess, read: async (now) => await read(now) })
    },
    ofProcess,
    async write(now) {
      const [others, own] = await Promise.all([
        siblings(),
        Promise.all(registered.map((metric) => stateOf(metric, now))),
      ])
      // loaded when the metrics are read first
      const { AggregatorRegistry } = await import('prom-client')
      const text = await AggregatorRegistry.aggregate([own, ...others] as unknown as object[]).metrics()
      return text
    },
    list: () => registered.map(({ name, help, type }) => ({ name, help, type })),
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
