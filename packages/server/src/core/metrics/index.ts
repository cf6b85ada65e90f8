/**
 * Metrics of the server, for Prometheus and what reads its format. Owns the registry of a process; its library is loaded when
 * the metrics are read first. Leaves each metric to the feature that knows its value. Invariant: no label is a user, an address or
 * a text that a caller has sent; one may be the id of a thing that administrators make, such as a connection.
 */

/** What the series of a gauge are at an instant. */
export interface Sample<L extends string> {
  labels: Readonly<Record<L, string>>
  value: number
}

export interface Metrics {
  /**
   * Registers a gauge. `read` is called each time that the metrics are written.
   * @param name without the prefix `latchkey_`, ending in its unit
   */
  gauge<L extends string>(
    name: string,
    about: { help: string; labels: readonly L[] },
    read: (now: Date) => Promise<readonly Sample<L>[]>,
  ): void
  /** All metrics in the text format of Prometheus. */
  write(now: Date): Promise<string>
}

interface RegisteredGauge {
  name: string
  help: string
  labels: readonly string[]
  read(now: Date): Promise<readonly Sample<string>[]>
}

export function createMetrics(): Metrics {
  const gauges: RegisteredGauge[] = []
  return {
    gauge(name, about, read) {
      gauges.push({ ...about, name: `latchkey_${name}`, read })
    },
    async write(now) {
      const { Gauge, Registry } = await import('prom-client')
      // of one reading: a series whose subject is gone is in no later one
      const registry = new Registry()
      for (const { name, help, labels: labelNames, read } of gauges) {
        const gauge = new Gauge({ name, help, labelNames, registers: [registry] })
        for (const { labels, value } of await read(now)) gauge.set(labels, value)
      }
      return await registry.metrics()
    },
  }
}
