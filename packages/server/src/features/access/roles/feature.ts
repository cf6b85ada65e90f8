/** The feature value of roles and permissions. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { accessPages } from './pages.tsx'
import { accessRoutes } from './routes.ts'

export const roleFeature = (tools: Tools): Feature => ({
  name: 'roles',
  rows: [...accessRoutes(tools), ...accessPages(tools)],
})
