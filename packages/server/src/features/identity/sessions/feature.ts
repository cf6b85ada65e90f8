/** The feature value of sessions, with the checks that other features use. */
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionRows } from './routes.ts'
import { type SessionChecks, sessionChecks } from './sessions.ts'

export function sessionFeature(tools: Tools): Feature & { checks: SessionChecks } {
  const checks = sessionChecks(tools)
  return {
    name: 'sessions',
    rows: sessionRows(tools, checks),
    jobs: [recurs('sessions.sweep', '1m', checks.sweep)],
    credential: { session: ({ token, via }, now) => checks.check(token, via, now) },
    flush: checks.flush,
    checks,
  }
}
