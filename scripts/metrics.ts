/**
 * Every metric of the server, for its reference page and the tests of deploy/grafana and deploy/prometheus. They are registered as a
 * server does it, and none is read.
 */
import { systemClock } from '../packages/server/src/base/clock.ts'
import { measured, refusedByLimits } from '../packages/server/src/base/http/serve/measured.ts'
import { createMetrics, type MetricAbout } from '../packages/server/src/base/metrics/index.ts'
import { registerProcess } from '../packages/server/src/base/metrics/process.ts'
import { spanCounts } from '../packages/server/src/base/traces/index.ts'
import { createCounts } from '../packages/server/src/core/metrics/counts.ts'
import {
  hashObserver,
  observeDatabase,
  registerRedis,
  registerState,
} from '../packages/server/src/core/metrics/state.ts'
import type { Tools } from '../packages/server/src/core/tools.ts'
import { registerExpiry } from '../packages/server/src/features/signin/saml/feature.ts'

export function listMetrics(): readonly MetricAbout[] {
  const metrics = createMetrics()
  const clock = systemClock()
  const unused = { observe() {}, waiting: () => 0, onLine: () => () => {} }
  const tools = { db: unused, clock, changes: unused, revocations: unused, keys: unused } as unknown as Tools
  measured(metrics, clock, null)
  spanCounts(metrics)
  refusedByLimits(metrics)
  createCounts(metrics)
  hashObserver(metrics, clock)
  observeDatabase(metrics, unused, clock)
  registerState(metrics, tools)
  registerRedis(metrics, null)
  registerExpiry(metrics, tools)
  registerProcess(metrics, { version: '' })()
  return [...metrics.list()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
