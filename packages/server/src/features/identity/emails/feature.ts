/** The feature value of e-mail addresses. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { emailJobs } from './emails.ts'
import { moveJobs } from './moves.ts'
import { type AfterVerification, emailPages } from './pages.tsx'
import { emailRoutes } from './routes.ts'

/** @param afterVerification continues what the browser was doing, where it was something */
export const emailFeature = (tools: Tools, afterVerification: AfterVerification): Feature => ({
  name: 'emails',
  rows: [...emailRoutes(tools), ...emailPages(tools, afterVerification)],
  jobs: [...emailJobs(tools), ...moveJobs(tools)],
})
