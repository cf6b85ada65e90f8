/**
 * The roles of an organization: the built-in ones and its own. Owns the table `organization_roles`, what a role
 * permits there, and the check that a caller grants no role beyond their permissions; leaves the built-in roles and
 * the arithmetic of permissions to core/roles.
 */
import type { Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { organizationRolePages } from './pages.tsx'
import { organizationRoleRoutes } from './routes.ts'

export {
  assertMayActOnRole,
  assertMayGrantRole,
  listGrantableRoles,
  mayUserGrantRole,
  permissionsOfRole,
} from './grants.ts'
export { MemberRole } from './view.ts'

export const organizationRoleRows = (tools: Tools): Row[] => [
  ...organizationRoleRoutes(tools),
  ...organizationRolePages(tools),
]
