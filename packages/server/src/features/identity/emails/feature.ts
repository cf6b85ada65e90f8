/** The feature value of e-mail addresses. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { emailJobs } from './emails.ts'
import { emailPages } from './pages.tsx'
import { emailRoutes } from './routes.ts'

export const emailFeature = (tools: Tools): Feature => ({
  name: 'emails',
  rows: [...emailRoutes(tools), ...emailPages(tools)],
  jobs: emailJobs(tools),
})
