/**
 * Organizations: tenants, who belongs to them and as what, invitations, an organization's own roles. Owns the tables
 * of the same names and the session's choice of one; leaves what roles permit to base/roles, and sessions themselves
 * to `sessions`. Invariant: an organization always has an owner, and nobody inside it grants what they do not hold.
 */
import type { Row } from '../../base/http/route.ts'
import type { Tools } from '../../base/tools.ts'
import { invitationRoutes } from './invitation-routes.ts'
import { purgeInvitations } from './invitations.ts'
import { memberRoutes } from './member-routes.ts'
import { purgeDeleted } from './organizations.ts'
import { organizationRoutes as ownRoutes } from './routes.ts'

export { activeOrganization } from './active.ts'
export { ActiveOrganizationView, activeView } from './fields.ts'
export { leaveAll } from './members.ts'
export { memberships } from './membership.ts'

export const organizationRoutes = (tools: Tools): Row[] => [
  ...ownRoutes(tools),
  ...memberRoutes(tools),
  ...invitationRoutes(tools),
]

export function organizationJobs(tools: Tools): void {
  tools.jobs.every('organizations.purge', '1h', (now) => purgeDeleted(tools, now))
  tools.jobs.every('invitations.purge', '1h', (now) => purgeInvitations(tools, now))
}
