/**
 * Invitations: how people join an organization. Owns the table `invitations`, the invitation e-mail with its
 * single-use link, and accepting and declining; leaves membership to `membership` and grants of roles to `roles`.
 * Invariant: an invitation is accepted once, by the user with its address, while its sender could still grant its role.
 */

export { acceptOwnInvitation, declineOwnInvitation, findOutcome, listOwnInvitations } from './acceptance.ts'
export { invitationFeature } from './feature.ts'
export { addressAfterJoining } from './invited-pages.tsx'
export { invitationOperations } from './operations.ts'
export { answerInvitation } from './routes.ts'
export { openInvitations } from './sql.ts'
export {
  AcceptedView,
  acceptedView,
  InvitationId,
  InvitationView,
  OwnInvitationView,
  ownInvitationView,
} from './view.ts'
