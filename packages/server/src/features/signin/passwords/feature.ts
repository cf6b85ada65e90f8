/** The feature value of passwords. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { passwordPages } from './pages.tsx'
import { resetJobs } from './reset.ts'
import { passwordRoutes } from './routes.ts'

export const passwordFeature = (tools: Tools): Feature => ({
  name: 'passwords',
  rows: [...passwordRoutes(tools), ...passwordPages(tools)],
  jobs: resetJobs(tools),
})
