/** The feature value of forward authentication. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { forwardAuthRoutes } from './routes.ts'

export const forwardAuthFeature = (tools: Tools): Feature => ({
  name: 'forward-auth',
  rows: forwardAuthRoutes(tools),
})
