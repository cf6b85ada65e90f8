/** The feature value of sign-in. */
import type { Feature, OfferedMethod } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { doorJobs } from './jobs.ts'
import { doorRoutes } from './routes.ts'

/** @param methods the sign-in methods of all features, for what an attempt offers */
export const doorFeature = (tools: Tools, methods: () => readonly OfferedMethod[]): Feature => ({
  name: 'door',
  rows: doorRoutes(tools, methods),
  jobs: doorJobs(tools),
})
