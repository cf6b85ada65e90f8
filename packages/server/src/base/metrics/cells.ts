/** The cells of counters and histograms: one for each series, found once and then kept by who counts. */

export interface Cell {
  /** @param amount default: 1 */
  add(amount?: number): void
}

export interface HistogramCell {
  /** @param value in the unit of the metric */
  observe(value: number): void
}

/** One line of the text format. */
export interface Value {
  labels: Readonly<Record<string, string>>
  value: number
  /** Where it is not that of the metric: `…_bucket`, `…_sum`, `…_count`. */
  metricName?: string
}

interface Series<C> {
  cell: C
  values(): readonly Value[]
}

export interface CellTable<C> {
  /** The cell of these labels, which is made at its first use. */
  cell(labels: Readonly<Record<string, string>>): C
  values(): Value[]
}

export function cellTable<C>(
  names: readonly string[],
  make: (labels: Readonly<Record<string, string>>) => Series<C>,
): CellTable<C> {
  const cells = new Map<string, Series<C>>()
  return {
    cell(labels) {
      const key = names.map((name) => labels[name]).join('\0')
      const found = cells.get(key)
      if (found) return found.cell
      const made = make(Object.fromEntries(names.map((name) => [name, labels[name] ?? ''])))
      cells.set(key, made)
      return made.cell
    },
    values: () => [...cells.values()].flatMap(({ values }) => values()),
  }
}

/** @param bounds upper bounds in ascending order */
export function histogramCell(
  name: string,
  bounds: readonly number[],
  labels: Readonly<Record<string, string>>,
): Series<HistogramCell> {
  // how many were at most each bound and above the one before; the last: above all
  const counts = new Array<number>(bounds.length + 1).fill(0)
  let sum = 0
  return {
    cell: {
      observe(value) {
        let at = 0
        while (at < bounds.length && value > (bounds[at] as number)) at += 1
        counts[at] = (counts[at] ?? 0) + 1
        sum += value
      },
    },
    values() {
      let count = 0
      const buckets = counts.map((those, at): Value => {
        count += those
        const le = at < bounds.length ? String(bounds[at]) : '+Inf'
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
      })
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ]
    },
  }
}
