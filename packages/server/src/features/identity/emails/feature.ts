/** The feature value of e-mail addresses. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { emailJobs, type ProveMailbox } from './emails.ts'
import { moveJobs } from './moves.ts'
import { type AfterVerification, emailPages } from './pages.tsx'
import { emailRoutes } from './routes.ts'

/** @param after continues what the browser was doing, where it was something */
export const emailFeature = (
  tools: Tools,
  { after, prove }: { after: AfterVerification; prove: ProveMailbox },
): Feature => ({
  name: 'emails',
  rows: [...emailRoutes(tools, prove), ...emailPages(tools, after, prove)],
  jobs: [...emailJobs(tools), ...moveJobs(tools)],
})
