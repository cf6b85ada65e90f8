/**
 * Organizations: creating, changing, deleting and restoring one. Owns the table `organizations` and the pages of one
 * organization; leaves who belongs to it to `membership` and `members`, and which one a session acts in to `mine`.
 * Invariant: a deleted organization is invisible except to its owners and server administrators; after its grace
 * period it is purged with all its rows, and its slug is free.
 */
import type { Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { organizationWished } from '../../identity/users/index.ts'
import { purgeDeletedOrganizations } from './deletion.ts'
import { createRequestedOrganization } from './organizations.ts'
import { organizationPages } from './pages.tsx'
import { organizationRoutes } from './routes.ts'

export { deleteEmptyOrganization, restoreOrganization } from './deletion.ts'
export { organizationOperations } from './operations.ts'
export {
  createOrganization,
  createOrganizationByOperator,
  mayCreateOrganization,
  type OwnOrganization,
} from './organizations.ts'
export {
  ActiveOrganizationView,
  activeOrganizationView,
  OrganizationName,
  OrganizationSlug,
  OwnOrganizationView,
  ownOrganizationView,
} from './view.ts'

export const organizationRows = (tools: Tools): Row[] => [
  ...organizationRoutes(tools),
  ...organizationPages(tools),
]

export function organizationJobs(tools: Pick<Tools, 'db' | 'jobs'>): void {
  tools.jobs.every('organizations.purge', '1h', (now) => purgeDeletedOrganizations(tools, now))
  tools.jobs.on(organizationWished, ({ user_id }, now) => createRequestedOrganization(tools, user_id, now))
}
