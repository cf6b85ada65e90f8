/** The feature value of security policies. */
import type { Feature } from '../../../core/feature.ts'
import { recurs, runs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { policyPages } from './pages.tsx'
import { policyChanged, remindAll, remindMembers } from './reminders.ts'
import { policyRoutes } from './routes.ts'

export const policyFeature = (tools: Tools): Feature => ({
  name: 'policy',
  rows: [...policyRoutes(tools), ...policyPages(tools)],
  jobs: [
    recurs('organizations.policy_reminders', '1h', (now) => remindAll(tools, now)),
    runs(policyChanged, ({ organization_id }, now) => remindMembers(tools, organization_id, now)),
  ],
})
