/**
 * Invitations: how people come to belong to an organization. Owns the table, the letter and its link, and what
 * accepting and declining do; leaves who is what in an organization, and who may give what, to `organizations`.
 * Invariant: an invitation is good once, for whoever has proven its address, while its sender could still give it.
 */
import type { Tools } from '../../../core/tools.ts'
import { purgeInvitations } from './invitations.ts'

export {
  acceptInvitation,
  acceptOwnInvitation,
  declineInvitation,
  declineOwnInvitation,
  listMine,
  previewInvitation,
} from './acceptance.ts'
export { invite, listInvitations, resendInvitation, revokeInvitation } from './invitations.ts'
export { InvitationToken, invitationRoutes } from './routes.ts'

export const invitationJobs = (tools: Pick<Tools, 'db' | 'jobs'>): void =>
  tools.jobs.every('invitations.purge', '1h', (now) => purgeInvitations(tools, now))
export { isInvited } from './sql.ts'
