/** The feature value of signing out. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { signOutPages } from './pages.tsx'
import { signOutRoutes } from './routes.ts'

export const responseFeature = (tools: Tools): Feature => ({
  name: 'responses',
  rows: [...signOutRoutes(tools), ...signOutPages(tools)],
})
