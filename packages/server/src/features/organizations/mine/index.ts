/**
 * A user's own organizations and invitations: the list, and which organization a session acts in (its active
 * organization). Leaves accepting to `invitations` and the session's token to `sessions`.
 */
import type { Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { myOrganizationPages } from './pages.tsx'
import { myOrganizationRoutes } from './routes.ts'

export { findActiveOrganization } from './active.ts'

export const myOrganizationRows = (tools: Tools): Row[] => [
  ...myOrganizationRoutes(tools),
  ...myOrganizationPages(tools),
]
