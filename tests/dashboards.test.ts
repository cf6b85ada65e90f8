/** The dashboard of Grafana and the alert rules of Prometheus: each metric, label and value that they name is one of the server. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { listMetrics } from '../scripts/metrics.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '../deploy', path), 'utf8')

interface Target {
  refId: string
  expr: string
  legendFormat: string
}
interface Panel {
  id: number
  type: string
  title: string
  gridPos: { h: number; w: number; x: number; y: number }
  targets: Target[]
}
interface Dashboard {
  uid: string
  title: string
  schemaVersion: number
  panels: Panel[]
  templating: { list: { name: string; definition?: string }[] }
}
interface Alert {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: { summary: string; description: string }
}
const dashboard = JSON.parse(read('grafana/latchkey.json')) as Dashboard
const alerts = (parse(read('prometheus/alerts.yaml')) as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
)

const metrics = new Map(listMetrics().map((metric) => [metric.name, metric]))
/** What Prometheus adds to every series. */
const SCRAPED = ['job', 'instance']

/** The metric of a series. @throws where the server has none of that name */
function metricOf(name: string) {
  const plain = metrics.get(name)
  const base = metrics.get(name.replace(/_(bucket|sum|count)$/, ''))
  if (plain && plain.type !== 'histogram') return { ...plain, labels: [...plain.labels, ...SCRAPED] }
  if (!plain && base?.type === 'histogram')
    return { ...base, labels: [...base.labels, ...SCRAPED, ...(name.endsWith('_bucket') ? ['le'] : [])] }
  throw new Error(`${name} is no series of the server`)
}

/** What is wrong with the names of an expression. */
function faultsOf(expression: string): string[] {
  const faults: string[] = []
  const labels = new Set<string>()
  for (const [, name = '', matchers = ''] of expression.matchAll(/\b(latchkey_\w+)(?:\{([^}]*)\})?/g)) {
    const metric = metricOf(name)
    for (const label of metric.labels) labels.add(label)
    for (const [, label = '', operator, value = ''] of matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)) {
      if (!metric.labels.includes(label)) faults.push(`${name} has no label ${label}`)
      const known = metric.values[label]
      if (known && operator === '=' && !known.includes(value))
        faults.push(`${label} of ${name} is never ${value}`)
    }
    if (metric.type === 'counter' && !new RegExp(`(rate|increase)\\(${name}\\b`).test(expression))
      faults.push(`${name} is a counter, and its rate is what counts`)
  }
  for (const [, list = ''] of expression.matchAll(/\bby \(([^)]*)\)/g))
    for (const label of list.split(', '))
      if (!labels.has(label)) faults.push(`nothing in it has the label ${label}`)
  return faults
}

describe('the dashboard of Grafana', () => {
  const targets = dashboard.panels.flatMap(({ title, targets }) =>
    targets.map((target) => ({ title, ...target })),
  )

  it.each(targets)('shows metrics that exist: $title, $refId', ({ expr, legendFormat }) => {
    expect(faultsOf(expr)).toEqual([])
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label)
    const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
    expect(kept).toEqual(expect.arrayContaining(named))
    const variables = [...expr.matchAll(/\$(\w+)/g)].map(([, name]) => name)
    const known = [...dashboard.templating.list.map(({ name }) => name), '__rate_interval']
    expect(known).toEqual(expect.arrayContaining(variables))
  })

  it('shows every metric but its version and what could not be read', () => {
    const shown = new Set(
      targets.flatMap(({ expr }) => [...expr.matchAll(/latchkey_\w+/g)].map(([name]) => metricOf(name).name)),
    )
    const missing = [...metrics.keys()].filter((name) => !shown.has(name))
    expect(missing).toEqual(['latchkey_build_info', 'latchkey_metrics_unread'])
  })

  it('has what Grafana needs to import it', () => {
    expect(dashboard).toMatchObject({ uid: 'latchkey', title: 'Latchkey', schemaVersion: expect.any(Number) })
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const cells = new Set<string>()
    for (const { gridPos, targets, type } of dashboard.panels) {
      expect(['timeseries', 'stat']).toContain(type)
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x} ${y}`)).toBe(false)
          cells.add(`${x} ${y}`)
        }
      }
    }
    // an id of one installation's data source would find nothing in another
    for (const [, uid] of JSON.stringify(dashboard).matchAll(/"uid":"([^"]*)"/g))
      expect(uid).toMatch(/^(latchkey|\$\{datasource\})$/)
  })
})

describe('the alert rules of Prometheus', () => {
  it.each(alerts)('$alert names metrics that exist', ({ expr, annotations, labels }) => {
    expect(faultsOf(expr)).toEqual([])
    expect(labels.severity).toMatch(/^(critical|warning)$/)
    expect(annotations.summary).toMatch(/\.$/)
    const named = [...annotations.description.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label)
    const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
    expect(kept).toEqual(expect.arrayContaining(named))
  })

  it('are six', () => {
    expect(alerts).toHaveLength(6)
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(6)
  })
})

it('a metric, a label or a value that does not exist is found', () => {
  expect(() => faultsOf('latchkey_nothing_total > 0')).toThrow('no series')
  expect(() => faultsOf('rate(latchkey_http_request_seconds[5m])')).toThrow('no series')
  expect(faultsOf('rate(latchkey_refresh_total{result="reuse"}[5m])')).toEqual([
    'latchkey_refresh_total has no label result',
  ])
  expect(faultsOf('rate(latchkey_refresh_total{outcome="reused"}[5m])')).toEqual([
    'outcome of latchkey_refresh_total is never reused',
  ])
  expect(faultsOf('sum by (user) (rate(latchkey_refresh_total[5m]))')).toEqual([
    'nothing in it has the label user',
  ])
  expect(faultsOf('latchkey_refresh_total > 5')).toEqual([
    'latchkey_refresh_total is a counter, and its rate is what counts',
  ])
})
