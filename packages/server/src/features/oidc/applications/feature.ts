/** The feature value of the apps that users have allowed. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { applicationPages } from './pages.tsx'
import { applicationRoutes } from './routes.ts'

export const applicationFeature = (tools: Tools): Feature => ({
  name: 'applications',
  rows: [...applicationRoutes(tools), ...applicationPages(tools)],
})
