/** The feature value of the roles of organizations. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { organizationRolePages } from './pages.tsx'
import { organizationRoleRoutes } from './routes.ts'

export const organizationRoleFeature = (tools: Tools): Feature => ({
  name: 'organization-roles',
  rows: [...organizationRoleRoutes(tools), ...organizationRolePages(tools)],
})
