/** The feature value of API keys, with the checks that other features use. */
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type KeyChecks, keyChecks } from './checks.ts'
import type { AssertActsIn } from './keys.ts'
import { apiKeyPages } from './pages.tsx'
import { apiKeyRoutes } from './routes.ts'

export function apiKeyFeature(tools: Tools, assertActsIn: AssertActsIn): Feature & { checks: KeyChecks } {
  const checks = keyChecks(tools)
  return {
    name: 'api-keys',
    rows: [...apiKeyRoutes(tools, checks, assertActsIn), ...apiKeyPages(tools, checks, assertActsIn)],
    jobs: [recurs('api_keys.sweep', '1h', checks.sweep)],
    credential: { api_key: ({ token }, now) => checks.check(token, now) },
    flush: checks.flush,
    checks,
  }
}
