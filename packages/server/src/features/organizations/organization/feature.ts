/** The feature value of organizations. */
import type { Feature } from '../../../core/feature.ts'
import { recurs, runs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { organizationWished } from '../../identity/users/index.ts'
import { purgeDeletedOrganizations } from './deletion.ts'
import { createRequestedOrganization } from './organizations.ts'
import { organizationPages } from './pages.tsx'
import { organizationRoutes } from './routes.ts'

export const organizationFeature = (tools: Tools): Feature => ({
  name: 'organizations',
  rows: [...organizationRoutes(tools), ...organizationPages(tools)],
  jobs: [
    recurs('organizations.purge', '1h', (now) => purgeDeletedOrganizations(tools, now)),
    runs(organizationWished, ({ user_id }, now) => createRequestedOrganization(tools, user_id, now)),
  ],
})
