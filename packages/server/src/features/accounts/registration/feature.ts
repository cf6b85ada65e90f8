/** The feature value of registration. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { registrationJobs } from './emails.ts'
import { registrationPages } from './pages.tsx'
import { registrationRoutes } from './routes.ts'

export const registrationFeature = (tools: Tools): Feature => ({
  name: 'registration',
  rows: [...registrationRoutes(tools), ...registrationPages(tools)],
  jobs: registrationJobs(tools),
})
