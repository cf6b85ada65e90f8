/**
 * Members of an organization: listing, adding, changing roles, removing, leaving, transferring ownership. Owns the
 * pages and the API of members; leaves the membership check to `membership` and how people join to `invitations`.
 * Invariant: an organization always has an active owner.
 */
import type { Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { memberPages } from './pages.tsx'
import { memberRoutes } from './routes.ts'

export { leaveAllOrganizations, lockOrganizationsOf } from './leaving.ts'
export { isMemberAnywhere } from './sql.ts'

export const memberRows = (tools: Tools): Row[] => [...memberRoutes(tools), ...memberPages(tools)]
