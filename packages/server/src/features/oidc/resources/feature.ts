/** The feature value of resources. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { resourceRoutes } from './routes.ts'

export const resourceFeature = (tools: Tools): Feature => ({
  name: 'resources',
  rows: resourceRoutes(tools),
})
