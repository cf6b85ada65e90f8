/** The feature value of organizations' domains. */
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { checkDueDomains } from './checks.ts'
import { domainPages } from './pages.tsx'
import { domainRoutes } from './routes.ts'

export const domainFeature = (tools: Tools): Feature => ({
  name: 'organization-domains',
  rows: [...domainRoutes(tools), ...domainPages(tools)],
  jobs: [recurs('organizations.domain_checks', '5m', (now) => checkDueDomains(tools, now))],
})
