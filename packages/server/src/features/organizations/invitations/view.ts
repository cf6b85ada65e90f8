/** Input fields and JSON views of invitations. */
import { z } from 'zod'
import { ActiveOrganizationView, activeOrganizationView } from '../organization/index.ts'
import type { AcceptedInvitation, InvitationPreview, OwnInvitation } from './acceptance.ts'
import type { ListedInvitation } from './sql.ts'

export const InvitationId = z.string().max(64)
/** `inv_….secret`, as the e-mail contains it. */
export const InvitationToken = z.string().max(120)

export const InvitationView = z
  .object({
    id: z.string(),
    email: z.string(),
    role: z.string(),
    status: z.enum(['open', 'expired']),
    invited_by: z.object({ id: z.string(), name: z.string().nullable() }).nullable(),
    created_at: z.string(),
    sent_at: z.string(),
    expires_at: z.string(),
  })
  .meta({ id: 'Invitation' })

export const invitationView = (invitation: ListedInvitation, now: Date): z.infer<typeof InvitationView> => ({
  id: invitation.id,
  email: invitation.address,
  role: invitation.role,
  status: invitation.expires_at > now ? 'open' : 'expired',
  invited_by:
    invitation.invited_by === null ? null : { id: invitation.invited_by, name: invitation.inviter_name },
  created_at: invitation.created_at.toISOString(),
  sent_at: invitation.sent_at.toISOString(),
  expires_at: invitation.expires_at.toISOString(),
})

export const InvitationPreviewView = z
  .object({
    id: z.string(),
    organization: z.object({ name: z.string() }),
    inviter: z.object({ name: z.string().nullable() }),
    email: z.string(),
    role: z.string(),
    expires_at: z.string(),
    /** The next step; `sign_in` also if the address has no account yet. */
    next: z.enum(['accept', 'verify_email', 'sign_in', 'other_account']),
  })
  .meta({ id: 'InvitationPreview' })

export const invitationPreviewView = ({
  invitation,
  organization,
  inviter,
  next,
}: InvitationPreview): z.infer<typeof InvitationPreviewView> => ({
  id: invitation.id,
  organization: { name: organization },
  inviter: { name: inviter },
  email: invitation.address,
  role: invitation.role,
  expires_at: invitation.expires_at.toISOString(),
  next,
})

export const AcceptedView = z
  .object({ organization: ActiveOrganizationView })
  .meta({ id: 'AcceptedInvitation' })

export const acceptedView = (accepted: AcceptedInvitation): z.infer<typeof AcceptedView> => ({
  organization: activeOrganizationView(accepted),
})

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
