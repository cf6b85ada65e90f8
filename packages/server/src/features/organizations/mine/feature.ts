/** The feature value of a user's own organizations. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { myOrganizationPages } from './pages.tsx'
import { myOrganizationRoutes } from './routes.ts'

export const myOrganizationFeature = (tools: Tools): Feature => ({
  name: 'mine',
  rows: [...myOrganizationRoutes(tools), ...myOrganizationPages(tools)],
})
