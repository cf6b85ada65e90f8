/** The JSON API of invitations: for those who invite, and for those who were invited. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { ActiveOrganizationView, activeView, OrganizationId, RoleName } from '../organization/index.ts'
import {
  type Accepted,
  acceptInvitation,
  acceptOwnInvitation,
  declineInvitation,
  declineOwnInvitation,
  listMine,
  type MyInvitation,
  previewInvitation,
} from './acceptance.ts'
import {
  type Invitation,
  invite,
  listInvitations,
  resendInvitation,
  revokeInvitation,
} from './invitations.ts'

const BASE = '/api/v1/organizations/:id/invitations'
const tag = 'Invitations'
const InvitationId = z.string().max(64)
/** `inv_….secret`, as the e-mail carries it. */
export const InvitationToken = z.string().max(120)
const One = z.object({ id: OrganizationId })
const OneInvitation = One.extend({ invitation_id: InvitationId })

const InvitationView = z
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

const invitationView = (invitation: Invitation, now: Date): z.infer<typeof InvitationView> => ({
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

const invitingRows = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'organizations.invitations.list',
      summary: 'List the open invitations of an organization',
      needs: 'session',
      organization: 'invitations:read',
      quiet: 'reads only',
      errors: ['NOT_FOUND'],
    }),
    method: 'GET',
    path: BASE,
    tag,
    input: PageInput.extend({ id: OrganizationId }),
    output: z.array(InvitationView),
    run: async (call, input) => {
      const { page, nextCursor } = await listInvitations(tools, call, input)
      return { data: page.map((one) => invitationView(one, call.now)), nextCursor }
    },
  }),
  route({
    of: operation({
      name: 'organizations.invitations.send',
      summary: 'Invite somebody to an organization',
      needs: 'session',
      organization: 'invitations:write',
      audit: ['organization.invitation.sent', 'organization.invitation.resent'],
      limit: { by: 'user', max: 300, per: '1h' },
      errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS', 'RATE_LIMIT_EXCEEDED'],
    }),
    method: 'POST',
    path: BASE,
    description:
      'To a role within your own permissions. An address that is invited already gets a new e-mail, and the ones before are dead. The answer is the same whether or not the address has an account.',
    tag,
    status: 201,
    input: One.extend({ email: EmailAddress, role: RoleName.default('member') }),
    output: InvitationView,
    run: async (call, { email, role }) => ({
      data: invitationView(await invite(tools, call, { email, role }), call.now),
    }),
  }),
  route({
    of: operation({
      name: 'organizations.invitations.resend',
      summary: 'Send an invitation again',
      needs: 'session',
      organization: 'invitations:write',
      audit: 'organization.invitation.resent',
      limit: { by: 'user', max: 300, per: '1h' },
      errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS', 'RATE_LIMIT_EXCEEDED'],
    }),
    method: 'POST',
    path: `${BASE}/:invitation_id/resend`,
    description: 'With a new link; the one before is dead. It is yours then, as if you had sent it.',
    tag,
    input: OneInvitation,
    output: InvitationView,
    run: async (call, { invitation_id }) => ({
      data: invitationView(await resendInvitation(tools, call, invitation_id), call.now),
    }),
  }),
  route({
    of: operation({
      name: 'organizations.invitations.revoke',
      summary: 'Revoke an invitation',
      needs: 'session',
      organization: 'invitations:write',
      audit: 'organization.invitation.revoked',
      errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
    }),
    method: 'DELETE',
    path: `${BASE}/:invitation_id`,
    tag,
    input: OneInvitation,
    output: z.null(),
    run: async (call, { invitation_id }) => {
      await revokeInvitation(tools, call, invitation_id)
      return { data: null, message: 'The invitation is revoked.' }
    },
  }),
]

const PreviewView = z
  .object({
    id: z.string(),
    organization: z.object({ name: z.string() }),
    inviter: z.object({ name: z.string().nullable() }),
    email: z.string(),
    role: z.string(),
    expires_at: z.string(),
    /** What is still to do; `sign_in` is also said where there is no account yet. */
    next: z.enum(['accept', 'verify_email', 'sign_in', 'other_account']),
  })
  .meta({ id: 'InvitationPreview' })

const AcceptedView = z.object({ organization: ActiveOrganizationView }).meta({ id: 'AcceptedInvitation' })
const acceptedView = (accepted: Accepted) => ({ organization: activeView(accepted) })
const YOU_BELONG = 'You belong to the organization now.'

const answeringRows = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'invitations.show',
      summary: 'Show an invitation to whoever holds its token',
      open: 'the token from the e-mail is the credential',
      quiet: 'reads only',
      limit: { by: 'ip', max: 120, per: '10m' },
      errors: ['NOT_FOUND', 'TOKEN_EXPIRED'],
    }),
    method: 'GET',
    path: '/api/v1/invitations/:id',
    description: '`next` says what is still to do; never whether the address has an account.',
    tag,
    input: z.object({ id: InvitationId, token: InvitationToken }),
    output: PreviewView,
    run: async (call, input) => {
      const { invitation, organization, inviter, next } = await previewInvitation(tools, call, input)
      const { id, address: email, role, expires_at } = invitation
      return {
        data: {
          id,
          organization: { name: organization },
          inviter: { name: inviter },
          email,
          role,
          expires_at: expires_at.toISOString(),
          next,
        },
      }
    },
  }),
  route({
    of: operation({
      name: 'invitations.accept',
      summary: 'Accept an invitation',
      needs: 'session',
      audit: 'organization.invitation.accepted',
      limit: { by: 'user', max: 120, per: '10m' },
      errors: ['NOT_FOUND', 'TOKEN_EXPIRED', 'INSUFFICIENT_PERMISSIONS', 'EMAIL_NOT_VERIFIED', 'CONFLICT'],
    }),
    method: 'POST',
    path: '/api/v1/invitations/accept',
    description:
      'Signed in as whoever has verified the invited address. A refused acceptance leaves the invitation as it was.',
    tag,
    input: z.object({ token: InvitationToken }),
    output: AcceptedView,
    run: async (call, { token }) => ({
      data: acceptedView(await acceptInvitation(tools, call, token)),
      message: YOU_BELONG,
    }),
  }),
  route({
    of: operation({
      name: 'invitations.decline',
      summary: 'Decline an invitation',
      open: 'the token from the e-mail is the credential',
      audit: 'organization.invitation.declined',
      limit: { by: 'ip', max: 120, per: '10m' },
      errors: ['NOT_FOUND', 'TOKEN_EXPIRED'],
    }),
    method: 'POST',
    path: '/api/v1/invitations/decline',
    tag,
    input: z.object({ token: InvitationToken }),
    output: z.null(),
    run: async (call, { token }) => {
      await declineInvitation(tools, call, token)
      return { data: null, message: 'The invitation is declined.' }
    },
  }),
]

const MyInvitationView = z
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

const myInvitationView = ({ invitation, organization, inviter }: MyInvitation) => ({
  id: invitation.id,
  organization: { name: organization },
  inviter: { name: inviter },
  email: invitation.address,
  role: invitation.role,
  sent_at: invitation.sent_at.toISOString(),
  expires_at: invitation.expires_at.toISOString(),
})

const ownRows = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'users.me.invitations.list',
      summary: 'List the open invitations to your verified addresses',
      needs: 'session',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/api/v1/users/me/invitations',
    tag,
    input: PageInput,
    output: z.array(MyInvitationView),
    run: async (call, input) => {
      const { page, nextCursor } = await listMine(tools, call, input)
      return { data: page.map(myInvitationView), nextCursor }
    },
  }),
  route({
    of: operation({
      name: 'users.me.invitations.accept',
      summary: 'Accept one of your invitations',
      needs: 'session',
      audit: 'organization.invitation.accepted',
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'POST',
    path: '/api/v1/users/me/invitations/:id/accept',
    tag,
    input: z.object({ id: InvitationId }),
    output: AcceptedView,
    run: async (call, { id }) => ({
      data: acceptedView(await acceptOwnInvitation(tools, call, id)),
      message: YOU_BELONG,
    }),
  }),
  route({
    of: operation({
      name: 'users.me.invitations.decline',
      summary: 'Decline one of your invitations',
      needs: 'session',
      audit: 'organization.invitation.declined',
      errors: ['NOT_FOUND'],
    }),
    method: 'POST',
    path: '/api/v1/users/me/invitations/:id/decline',
    tag,
    input: z.object({ id: InvitationId }),
    output: z.null(),
    run: async (call, { id }) => {
      await declineOwnInvitation(tools, call, id)
      return { data: null, message: 'The invitation is declined.' }
    },
  }),
]

export const invitationRoutes = (tools: Tools): Row[] => [
  ...invitingRows(tools),
  ...answeringRows(tools),
  ...ownRows(tools),
]
