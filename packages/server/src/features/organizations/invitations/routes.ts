/** The JSON API of invitations: for those who invite, and for those who have an invitation's token. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { described } from '../../../base/described.ts'
import { type Answer, type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import { MemberRole } from '../roles/index.ts'
import { acceptInvitation, declineInvitation, previewInvitation } from './acceptance.ts'
import { listInvitations, resendInvitation, revokeInvitation, sendInvitation } from './invitations.ts'
import { invitationOperations as of } from './operations.ts'
import {
  AcceptedView,
  acceptedView,
  InvitationId,
  InvitationPreviewView,
  InvitationToken,
  InvitationView,
  invitationPreviewView,
  invitationView,
} from './view.ts'

const INVITATIONS = '/api/v1/organizations/:id/invitations'
const tag = 'Invitations'
const OneInvitation = OneOrganization.extend({ invitation_id: InvitationId })

/** Invites an address, and answers with the invitation. @throws Problem as sendInvitation */
export const answerInvitation = async (
  tools: Parameters<typeof sendInvitation>[0],
  call: Call,
  input: { email: string; role: string },
): Promise<Answer<z.infer<typeof InvitationView>>> => ({
  data: invitationView(await sendInvitation(tools, call, input)),
})

const invitingRows = (tools: Tools): Row[] => [
  route({
    of: of.list,
    method: 'GET',
    path: INVITATIONS,
    tag,
    input: PageInput.extend(OneOrganization.shape),
    output: z.array(InvitationView),
    message: 'Invitations listed.',
    run: async (call, input) => {
      const { page, nextCursor } = await listInvitations(tools, call, input)
      return { data: page.map(invitationView), nextCursor }
    },
  }),
  route({
    of: of.send,
    method: 'POST',
    path: INVITATIONS,
    description:
      'The role may not go beyond your own permissions. If the address has an open invitation, it gets a new e-mail, and the earlier links stop working. The answer is the same whether or not the address has an account.',
    tag,
    status: 201,
    input: OneOrganization.extend({
      email: described(EmailAddress, 'The address to invite.', 'charles@example.com'),
      role: MemberRole.default('member'),
    }),
    output: InvitationView,
    message: 'Invitation sent.',
    run: (call, { email, role }) => answerInvitation(tools, call, { email, role }),
  }),
  route({
    of: of.resend,
    method: 'POST',
    path: `${INVITATIONS}/:invitation_id/resend`,
    description: 'With a new link; the earlier link stops working. You become the inviter.',
    tag,
    input: OneInvitation,
    output: InvitationView,
    message: 'Invitation sent again.',
    run: async (call, { invitation_id }) => ({
      data: invitationView(await resendInvitation(tools, call, invitation_id)),
    }),
  }),
  route({
    of: of.revoke,
    method: 'DELETE',
    path: `${INVITATIONS}/:invitation_id`,
    tag,
    input: OneInvitation,
    output: z.null(),
    message: 'Invitation revoked.',
    run: async (call, { invitation_id }) => {
      await revokeInvitation(tools, call, invitation_id)
      return { data: null }
    },
  }),
]

const answeringRows = (tools: Tools): Row[] => [
  route({
    of: of.show,
    method: 'GET',
    path: '/api/v1/invitations/:id',
    description: '`next` is the next step. It does not depend on whether the address has an account.',
    tag,
    input: z.object({ id: InvitationId, token: InvitationToken }),
    output: InvitationPreviewView,
    message: 'Invitation retrieved.',
    run: async (call, input) => ({
      data: invitationPreviewView(await previewInvitation(tools, call, input)),
    }),
  }),
  route({
    of: of.accept,
    method: 'POST',
    path: '/api/v1/invitations/accept',
    description:
      'Requires a session of the user with the invited address; the token proves the mailbox. A refused request leaves the invitation open.',
    tag,
    input: z.object({ token: InvitationToken }),
    output: AcceptedView,
    message: 'Invitation accepted.',
    run: async (call, { token }) => ({
      data: acceptedView(await acceptInvitation(tools, call, token)),
    }),
  }),
  route({
    of: of.decline,
    method: 'POST',
    path: '/api/v1/invitations/decline',
    tag,
    input: z.object({ token: InvitationToken }),
    output: z.null(),
    message: 'Invitation declined.',
    run: async (call, { token }) => {
      await declineInvitation(tools, call, token)
      return { data: null }
    },
  }),
]

export const invitationRoutes = (tools: Tools): Row[] => [...invitingRows(tools), ...answeringRows(tools)]
