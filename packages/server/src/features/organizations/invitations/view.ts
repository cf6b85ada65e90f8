/** Input fields and JSON views of invitations. */
import { z } from 'zod'
import { ActiveOrganizationView, activeOrganizationView } from '../organization/index.ts'
import type { AcceptedInvitation, InvitationPreview, OwnInvitation } from './acceptance.ts'
import { INVITATION_STATES, type ShownInvitation } from './state.ts'

export const InvitationId = z.string().max(64)
/** `inv_….secret`, as the e-mail contains it. */
export const InvitationToken = z.string().max(120)

export const InvitationView = z
  .object({
    id: z.string(),
    email: z.string(),
    role: z.string(),
    status: z
      .enum(INVITATION_STATES)
      .describe('`void`: the inviter could not assign the role any more; it can be sent again'),
    invited_by: z.object({ id: z.string(), name: z.string().nullable() }).nullable(),
    created_at: z.string(),
    sent_at: z.string(),
    expires_at: z.string(),
  })
  .meta({ id: 'Invitation' })

export const invitationView = (invitation: ShownInvitation): z.infer<typeof InvitationView> => ({
  id: invitation.id,
  email: invitation.address,
  role: invitation.role,
  status: invitation.state,
  invited_by:
    invitation.invited_by === null ? null : { id: invitation.invited_by, name: invitation.inviter_name },
  created_at: invitation.created_at.toISOString(),
  sent_at: invitation.sent_at.toISOString(),
  expires_at: invitation.expires_at.toISOString(),
})

/** An invitation as the invited person sees it. */
export const OwnInvitationView = z
  .object({
    id: z.string(),
    organization: z.object({ name: z.string() }),
    inviter: z.object({ name: z.string().nullable() }),
    email: z.string(),
    role: z.string(),
    sent_at: z.string(),
    expires_at: z.string(),
  })
  .meta({ id: 'MyInvitation' })

export const ownInvitationView = ({
  invitation,
  organization,
  inviter,
}: OwnInvitation): z.infer<typeof OwnInvitationView> => ({
  id: invitation.id,
  organization: { name: organization },
  inviter: { name: inviter },
  email: invitation.address,
  role: invitation.role,
  sent_at: invitation.sent_at.toISOString(),
  expires_at: invitation.expires_at.toISOString(),
})

export const InvitationPreviewView = OwnInvitationView.extend({
  /** The next step; `sign_in` also if the address has no account yet. */
  next: z.enum(['accept', 'sign_in', 'other_account']),
}).meta({ id: 'InvitationPreview' })

export const invitationPreviewView = ({
  next,
  ...invitation
}: InvitationPreview): z.infer<typeof InvitationPreviewView> => ({ ...ownInvitationView(invitation), next })

export const AcceptedView = z
  .object({ organization: ActiveOrganizationView })
  .meta({ id: 'AcceptedInvitation' })

export const acceptedView = (accepted: AcceptedInvitation): z.infer<typeof AcceptedView> => ({
  organization: activeOrganizationView(accepted),
})
