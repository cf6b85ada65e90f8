/** The feature value of invitations. */
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { purgeInvitations } from './invitations.ts'
import { invitedPages } from './invited-pages.tsx'
import { invitationPages } from './pages.tsx'
import { invitationRoutes } from './routes.ts'

export const invitationFeature = (tools: Tools): Feature => ({
  name: 'invitations',
  rows: [...invitationRoutes(tools), ...invitationPages(tools), ...invitedPages(tools)],
  jobs: [recurs('invitations.purge', '1h', (now) => purgeInvitations(tools, now))],
})
