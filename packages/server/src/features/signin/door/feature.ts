/** The feature value of sign-in. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { doorJobs } from './jobs.ts'
import type { AnyMethod } from './method.ts'
import { doorRoutes } from './routes.ts'

/** @param methods the sign-in methods, for what an attempt offers */
export const doorFeature = (tools: Tools, methods: readonly AnyMethod[]): Feature => ({
  name: 'door',
  rows: doorRoutes(tools, methods),
  jobs: doorJobs(tools),
})
