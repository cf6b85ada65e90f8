/**
 * Organizations: tenants, who belongs to them and as what, an organization's own roles. Owns the tables of the same
 * names and the session's choice of one; leaves what roles permit to core/roles, how people come to be invited to
 * `invitations`, and sessions themselves to `sessions`.
 * Invariant: an organization always has an owner, and nobody inside it grants what they do not hold.
 */
import type { Tools } from '../../../core/tools.ts'
import { organizationWished } from '../../identity/users/index.ts'
import { foundWished, purgeDeleted } from './organizations.ts'

export {
  changeRole,
  holdOrganizationsOf,
  leave,
  leaveAll,
  listMembers,
  type Member,
  removeMember,
  showMember,
  transferOwnership,
} from '../members/members.ts'
export {
  changeOwnRole,
  createRole,
  deleteRole,
  listRoles,
  organizationPermissions,
  type RoleInOrganization,
} from '../roles/roles.ts'
// for their hosted pages
export { activeOrganization, switchOrganization } from './active.ts'
export {
  changeOrganization,
  createOrganization,
  deleteOrganization,
  foundByOperator,
  listOwn,
  mayCreate,
  record,
  restoreOrganization,
  showOrganization,
} from './organizations.ts'
export { FRESH, organizationRoutes } from './routes.ts'
export {
  belongsAnywhere,
  holdUser,
  insertMember,
  lockOrganization,
  type OrganizationRow,
  selectStanding,
} from './sql.ts'
export {
  assertMayActOn,
  assertMayGive,
  type Held,
  inside,
  memberships,
  permissionsOfRole,
  standingOf,
} from './standing.ts'
export {
  ActiveOrganizationView,
  activeView,
  OrganizationId,
  OrganizationName,
  RoleFields,
  RoleName,
  Search,
  Slug,
} from './view.ts'

export function organizationJobs(tools: Pick<Tools, 'db' | 'jobs'>): void {
  tools.jobs.every('organizations.purge', '1h', (now) => purgeDeleted(tools, now))
  tools.jobs.on(organizationWished, ({ user_id }, now) => foundWished(tools, user_id, now))
}
