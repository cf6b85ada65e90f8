/** The feature value of a user's own organizations. */
import type { Feature } from '../../../core/feature.ts'
import type { RefuseUnmet } from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'
import { invitationAnswers } from './invitation-pages.tsx'
import { myOrganizationPages } from './pages.tsx'
import { myOrganizationRoutes } from './routes.ts'
import { startPages } from './start-pages.tsx'

export const myOrganizationFeature = (tools: Tools, refuse: RefuseUnmet): Feature => ({
  name: 'mine',
  rows: [
    ...myOrganizationRoutes(tools, refuse),
    ...myOrganizationPages(tools, refuse),
    ...invitationAnswers(tools),
    ...startPages(tools),
  ],
})
