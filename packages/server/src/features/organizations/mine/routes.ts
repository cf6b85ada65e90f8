/** The JSON API of a user's own organizations and invitations. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { described, exampleId } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { RefuseUnmet } from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import {
  AcceptedView,
  acceptedView,
  acceptOwnInvitation,
  declineOwnInvitation,
  InvitationId,
  listOwnInvitations,
  OwnInvitationView,
  ownInvitationView,
} from '../invitations/index.ts'
import { OneOrganization } from '../membership/index.ts'
import {
  ActiveOrganizationView,
  activeOrganizationView,
  OwnOrganizationView,
  ownOrganizationView,
} from '../organization/index.ts'
import { switchOrganization } from './active.ts'
import { myOrganizationOperations as of } from './operations.ts'
import { listOwnOrganizations } from './organizations.ts'

const INVITATIONS = '/api/v1/users/me/invitations'

const organizationRows = (tools: Tools, refuse: RefuseUnmet): Row[] => [
  route({
    of: of.list,
    method: 'GET',
    path: '/api/v1/users/me/organizations',
    description:
      'With your role in each. Deleted organizations are listed for their owners until they are purged. A session that the provider of an organization alone has proven, which is no authority for the account, lists only the organizations whose security policy it meets.',
    tag: 'Organizations',
    input: PageInput,
    output: z.array(OwnOrganizationView),
    message: 'Organizations listed.',
    run: async (call, input) => {
      const { page, nextCursor } = await listOwnOrganizations(tools, call, input)
      return { data: page.map(ownOrganizationView), nextCursor }
    },
  }),
  route({
    of: of.activate,
    method: 'POST',
    path: '/api/v1/auth/organization',
    description:
      '`null` for none. A session that does not meet the organization’s security policy is answered with what is missing. The session continues under a new token, which is in the answer and in the cookie. A caller with an access token keeps it, and refreshes it to act in the organization.',
    tag: 'Organizations',
    input: z.object({
      organization_id: described(
        OneOrganization.shape.id.nullable(),
        'The organization to act in, one of your own; null for none.',
        exampleId('org'),
      ),
    }),
    output: SessionStarted.partial().extend({
      organization: described(
        ActiveOrganizationView.nullable(),
        'The organization that the session now acts in; null for none.',
      ),
    }),
    message: 'Active organization changed.',
    run: async (call, { organization_id }) => {
      const { session, active } = await switchOrganization(tools, call, organization_id, refuse)
      return {
        data: {
          ...(session ? sessionStarted(tools, session) : {}),
          organization: active && activeOrganizationView(active),
        },
        cookies: session && call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : [],
      }
    },
  }),
]

const invitationRows = (tools: Tools): Row[] => [
  route({
    of: of.listInvitations,
    method: 'GET',
    path: INVITATIONS,
    tag: 'Invitations',
    input: PageInput,
    output: z.array(OwnInvitationView),
    message: 'Invitations listed.',
    run: async (call, input) => {
      const { page, nextCursor } = await listOwnInvitations(tools, call, input)
      return { data: page.map(ownInvitationView), nextCursor }
    },
  }),
  route({
    of: of.acceptInvitation,
    method: 'POST',
    path: `${INVITATIONS}/:id/accept`,
    tag: 'Invitations',
    input: z.object({ id: InvitationId }),
    output: AcceptedView,
    message: 'Invitation accepted.',
    run: async (call, { id }) => ({
      data: acceptedView(await acceptOwnInvitation(tools, call, id)),
    }),
  }),
  route({
    of: of.declineInvitation,
    method: 'POST',
    path: `${INVITATIONS}/:id/decline`,
    tag: 'Invitations',
    input: z.object({ id: InvitationId }),
    output: z.null(),
    message: 'Invitation declined.',
    run: async (call, { id }) => {
      await declineOwnInvitation(tools, call, id)
      return { data: null }
    },
  }),
]

export const myOrganizationRoutes = (tools: Tools, refuse: RefuseUnmet): Row[] => [
  ...organizationRows(tools, refuse),
  ...invitationRows(tools),
]
