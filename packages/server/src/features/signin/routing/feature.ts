/** The feature value of routing by domain. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { routingPages } from './pages.tsx'
import { routingRoutes } from './routes.ts'

export const routingFeature = (tools: Tools): Feature => ({
  name: 'routing',
  rows: [...routingRoutes(tools), ...routingPages(tools)],
})
