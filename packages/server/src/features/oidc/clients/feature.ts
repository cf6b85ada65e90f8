/** The feature value of clients. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { clientRoutes } from './routes.ts'

export const clientFeature = (tools: Tools): Feature => ({
  name: 'clients',
  rows: clientRoutes(tools),
})
