/** The feature value of members. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { memberPages } from './pages.tsx'
import { memberRoutes } from './routes.ts'

export const memberFeature = (tools: Tools): Feature => ({
  name: 'members',
  rows: [...memberRoutes(tools), ...memberPages(tools)],
})
