/** The feature value of attempts: what each still needs, and their purge. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { attemptJobs } from '../attempts/index.ts'
import { attemptRoutes } from './routes.ts'

export const attemptFeature = (tools: Tools): Feature => ({
  name: 'attempts',
  rows: attemptRoutes(tools),
  jobs: attemptJobs(tools),
})
