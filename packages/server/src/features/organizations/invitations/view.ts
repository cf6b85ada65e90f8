/** Input fields and JSON views of invitations. */
import { z } from 'zod'
import {
  described,
  EXAMPLE_LATER,
  exampleId,
  idField,
  idInput,
  textField,
  textOrNull,
  timeField,
} from '../../../base/described.ts'
import { ActiveOrganizationView, activeOrganizationView } from '../organization/index.ts'
import type { AcceptedInvitation, InvitationPreview, OwnInvitation } from './acceptance.ts'
import { INVITATION_STATES, type ShownInvitation } from './state.ts'

export const InvitationId = idInput('inv', 'The invitation.')
/** `inv_….secret`, as the e-mail contains it. */
export const InvitationToken = described(
  z.string().max(120),
  'The token of the link in the e-mail. Form: `inv_….secret`.',
  `${exampleId('inv')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
)

const INVITED = textField('The address that is invited.', 'charles@example.com')
const ROLE = textField('The role that the member will have.', 'member')
const SENT = timeField('When the latest e-mail was sent.')
const EXPIRES = timeField('Until when the invitation can be accepted.', EXAMPLE_LATER)

export const InvitationView = z
  .object({
    id: idField('inv', 'The invitation.'),
    email: INVITED,
    role: ROLE,
    status: z
      .enum(INVITATION_STATES)
      .describe(
        'Whether it can be accepted. `void`: its inviter could not assign the role any more; it can be sent again.',
      ),
    invited_by: described(
      z
        .object({
          id: idField('usr', 'The inviter.'),
          name: textOrNull('The name of the inviter; null if it is not known.', 'Ada Lovelace'),
        })
        .nullable(),
      'Who sent the invitation last; null if the account is deleted.',
    ),
    created_at: timeField('When the address was first invited.'),
    sent_at: SENT,
    expires_at: EXPIRES,
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
    id: idField('inv', 'The invitation.'),
    organization: described(
      z.object({ name: textField('The name of the organization.', 'Analytical Engines') }),
      'The organization that the invitation is for.',
    ),
    inviter: described(
      z.object({ name: textOrNull('The name of the inviter; null if it is not known.', 'Ada Lovelace') }),
      'Who sent the invitation last.',
    ),
    email: INVITED,
    role: ROLE,
    sent_at: SENT,
    expires_at: EXPIRES,
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
  next: described(
    z.enum(['accept', 'sign_in', 'other_account']),
    'The next step: `accept` it; `sign_in` (or sign up) with the invited address; or sign in with it, instead of the `other_account` of this session.',
  ),
}).meta({ id: 'InvitationPreview' })

export const invitationPreviewView = ({
  next,
  ...invitation
}: InvitationPreview): z.infer<typeof InvitationPreviewView> => ({ ...ownInvitationView(invitation), next })

export const AcceptedView = z
  .object({
    organization: described(ActiveOrganizationView, 'The organization that the session now acts in.'),
  })
  .meta({ id: 'AcceptedInvitation' })

export const acceptedView = (accepted: AcceptedInvitation): z.infer<typeof AcceptedView> => ({
  organization: activeOrganizationView(accepted),
})
