/** The feature value of changing one's own address. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { addressPages } from './pages.tsx'
import { addressRoutes } from './routes.ts'

export const addressFeature = (tools: Tools): Feature => ({
  name: 'address',
  rows: [...addressRoutes(tools), ...addressPages(tools)],
})
