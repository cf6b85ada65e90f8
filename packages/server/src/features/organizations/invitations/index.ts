/**
 * Invitations: how people join an organization. Owns the table `invitations`, the invitation e-mail with its
 * single-use link, and accepting and declining; leaves membership to `membership` and grants of roles to `roles`.
 * Invariant: an invitation is accepted once, by a user who has verified its address, while its sender could still
 * grant its role.
 */
import type { Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { purgeInvitations } from './invitations.ts'
import { invitedPages } from './invited-pages.tsx'
import { invitationPages } from './pages.tsx'
import { invitationRoutes } from './routes.ts'

export { acceptOwnInvitation, declineOwnInvitation, listOwnInvitations } from './acceptance.ts'
export { addressAfterJoining } from './invited-pages.tsx'
export { isInvited } from './sql.ts'
export { AcceptedView, acceptedView, InvitationId, OwnInvitationView, ownInvitationView } from './view.ts'

export const invitationRows = (tools: Tools): Row[] => [
  ...invitationRoutes(tools),
  ...invitationPages(tools),
  ...invitedPages(tools),
]

export const invitationJobs = (tools: Pick<Tools, 'db' | 'jobs'>): void =>
  tools.jobs.every('invitations.purge', '1h', (now) => purgeInvitations(tools, now))
