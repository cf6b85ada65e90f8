/** The feature value of the caller's own account. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { accountPages } from './pages.tsx'
import { accountRoutes } from './routes.ts'

export const ownAccountFeature = (tools: Tools): Feature => ({
  name: 'own',
  rows: [...accountRoutes(tools), ...accountPages(tools)],
})
