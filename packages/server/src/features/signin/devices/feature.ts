/** The feature value of remembered devices. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { devicePages } from './pages.tsx'
import { deviceRoutes } from './routes.ts'

export const deviceFeature = (tools: Tools): Feature => ({
  name: 'devices',
  rows: [...deviceRoutes(tools), ...devicePages(tools)],
})
