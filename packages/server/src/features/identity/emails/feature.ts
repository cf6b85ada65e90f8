/** The feature value of e-mail addresses. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { emailJobs, type ForeseeAccounts, type ProveMailbox } from './emails.ts'
import { moveJobs } from './moves.ts'
import { type AfterVerification, emailPages } from './pages.tsx'
import { emailRoutes } from './routes.ts'

/** @param of `after` continues what the browser was doing, where it was something */
export const emailFeature = (
  tools: Tools,
  { foresee, ...of }: { after: AfterVerification; prove: ProveMailbox; foresee: ForeseeAccounts },
): Feature => ({
  name: 'emails',
  rows: [...emailRoutes(tools, of.prove), ...emailPages(tools, { ...of, foresee })],
  jobs: [...emailJobs(tools), ...moveJobs(tools)],
})
