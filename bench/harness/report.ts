/** The results as a text table. */
import type { Figure, Measured, RowResult } from './bench.ts'

export function table(result: RowResult): string {
  const lines = [`\n${result.title}`]
  if (result.measured.length > 0) {
    const head = ['', 'CPU µs', 'per s', 'p50 ms', 'p99 ms', 'server core', 'load core']
    lines.push(...columns([head, ...result.measured.map(lineOf)]))
  }
  const figures = result.figures.map((figure) => [
    figure.what,
    shown(figure),
    target(figure),
    verdict(figure),
  ])
  lines.push(
    ...columns(figures.map(([what = '', value = '', ...rest]) => [what, value, rest.join('  ').trim()])),
  )
  for (const note of result.notes) lines.push(`  ${note}`)
  return lines.join('\n')
}

const lineOf = (m: Measured): string[] => [
  m.contender,
  Number.isNaN(m.cpuMicroseconds) ? '' : m.cpuMicroseconds.toFixed(m.cpuMicroseconds < 1000 ? 1 : 0),
  m.perSecond.toFixed(m.perSecond < 1000 ? 1 : 0),
  m.p50?.toFixed(2) ?? '',
  m.p99?.toFixed(2) ?? '',
  percent(m.serverCore),
  percent(m.loadCore),
]

const percent = (share: number | undefined): string =>
  share === undefined || Number.isNaN(share) ? '' : `${Math.round(share * 100)} %`

function shown({ value, unit }: Figure): string {
  const digits = unit === 'MiB' ? 0 : unit === 'ms' ? 1 : 2
  return `${value.toFixed(digits)}${unit ? ` ${unit}` : ''}`
}

function target({ atLeast, atMost, unit }: Figure): string {
  const of = unit ? ` ${unit}` : ''
  if (atLeast !== undefined) return `≥ ${atLeast}${of}`
  return atMost === undefined ? '' : `≤ ${atMost}${of}`
}

export function isMet({ value, atLeast, atMost }: Figure): boolean | null {
  if (atLeast === undefined && atMost === undefined) return null
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity)
}

function verdict(figure: Figure): string {
  const met = isMet(figure)
  return met === null ? '' : met ? 'met' : 'MISSED'
}

/** Aligns the first column to the left, the others to the right. */
function columns(rows: string[][]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? []
  return rows.map((row) => {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    )
    return `  ${cells.join('  ')}`.trimEnd()
  })
}
