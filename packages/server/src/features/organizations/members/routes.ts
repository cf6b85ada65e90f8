/** The JSON API of members. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { described, exampleId, textField } from '../../../base/described.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { answerInvitation, InvitationView } from '../invitations/index.ts'
import { OneOrganization } from '../membership/index.ts'
import { MemberRole } from '../roles/index.ts'
import { leaveOrganization } from './leaving.ts'
import { addMember, changeMemberRole, listMembers, removeMember, transferOwnership } from './members.ts'
import { changeMemberMfa } from './mfa.ts'
import { memberOperations as of } from './operations.ts'
import {
  MemberCursor,
  MemberMfaField,
  MemberSearch,
  MemberView,
  memberView,
  OneMember,
  UserId,
} from './view.ts'

const tag = 'Organizations'
const ORGANIZATION = '/api/v1/organizations/:id'
const MEMBERS = `${ORGANIZATION}/members`

const NewMember = OneOrganization.extend({
  email: EmailAddress.optional().meta({
    description: 'The address of the person to invite. Either `email` or `user_id`.',
    samples: ['charles@example.com'],
  }),
  user_id: UserId.optional().meta({
    description: 'The user to add without an invitation. Either `email` or `user_id`. Form: `usr_…`.',
    samples: [],
  }),
  role: MemberRole.default('member'),
})
/** A member, or the invitation. */
const AddedView = InvitationView.partial().extend({
  ...MemberView.partial().shape,
  role: textField('The role in the organization.', 'member'),
})

const ownershipRows = (tools: Tools): Row[] => [
  route({
    of: of.leave,
    method: 'POST',
    path: `${ORGANIZATION}/leave`,
    description: 'Not possible for the last owner.',
    tag,
    input: OneOrganization,
    output: z.null(),
    message: 'You have left the organization.',
    run: async (call, { id }) => {
      await leaveOrganization(tools, call, id)
      return { data: null }
    },
  }),
  route({
    of: of.transfer,
    method: 'POST',
    path: `${ORGANIZATION}/transfer`,
    description:
      'Another member becomes the owner, and you become an admin. Requires a sign-in within the last 10 minutes.',
    tag,
    input: OneOrganization.extend({
      user_id: described(UserId, 'The member who becomes the owner. Form: `usr_…`.', exampleId('usr')),
    }),
    output: z.null(),
    message: 'Organization transferred.',
    run: async (call, { user_id }) => {
      await transferOwnership(tools, call, user_id)
      return { data: null }
    },
  }),
]

export const memberRoutes = (tools: Tools): Row[] => [
  ...ownershipRows(tools),
  route({
    of: of.list,
    method: 'GET',
    path: MEMBERS,
    description:
      'With `search`, those whose name, username or e-mail address begins with it, ordered by the matched text. A page of a search may be short or empty although `next_cursor` names a further one.',
    tag,
    input: PageInput.extend({ ...OneOrganization.shape, search: MemberSearch, cursor: MemberCursor }),
    output: z.array(MemberView),
    message: 'Members listed.',
    run: async (call, input) => {
      const { page, nextCursor } = await listMembers(tools, call, input)
      return { data: page.map(memberView), nextCursor }
    },
  }),
  route({
    of: of.add,
    method: 'POST',
    path: MEMBERS,
    description:
      'With `email` (owners and admins): invites the address, and answers 202 with the invitation, as `POST …/invitations`. With `user_id` (server administrators, `organizations:write`): adds the user at once, and answers 201 with the member.',
    tag,
    status: 201,
    alsoAnswers: { status: 202, when: 'The address is invited.' },
    input: NewMember,
    output: AddedView,
    message: 'Member added.',
    run: async (call, { email, user_id: userId, role }) => {
      if (email === undefined) {
        if (userId === undefined) throw invalid('email', 'required', 'Send `email` or `user_id`.')
        return { data: memberView(await addMember(tools, call, { userId, role })) }
      }
      if (userId !== undefined)
        throw invalid('user_id', 'not_with_email', 'Send `email` or `user_id`, not both.')
      if (!call.session)
        throw problem('AUTHENTICATION_REQUIRED', { message: 'Sign in to invite. An API key is not enough.' })
      const invited = await answerInvitation(tools, call, { email, role })
      return { ...invited, status: 202, message: 'Invitation sent.' }
    },
  }),
  route({
    of: of.changeRole,
    method: 'PATCH',
    path: `${MEMBERS}/:user_id/role`,
    description:
      'Neither the member’s permissions nor those of the new role may go beyond your own. The last owner keeps the role. Where an active connection has `group_roles`, the next sign-in by it sets the role again that the groups of the member give.',
    tag,
    input: OneMember.extend({ role: MemberRole }),
    output: MemberView,
    message: 'Role changed.',
    run: async (call, { user_id, role }) => ({
      data: memberView(await changeMemberRole(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    of: of.changeMfa,
    method: 'PATCH',
    path: `${MEMBERS}/:user_id/mfa`,
    description:
      'An override of the organization’s security policy. Not for a member whose permissions go beyond your own. Requires a sign-in within the last 10 minutes.',
    tag,
    input: OneMember.extend({ mfa: MemberMfaField.meta({ samples: ['required'] }) }),
    output: MemberView,
    message: 'Requirement changed.',
    run: async (call, { user_id, mfa }) => ({
      data: memberView(await changeMemberMfa(tools, call, { userId: user_id, mfa })),
    }),
  }),
  route({
    of: of.remove,
    method: 'DELETE',
    path: `${MEMBERS}/:user_id`,
    description: 'Not a member whose permissions go beyond your own, and not the last owner.',
    tag,
    input: OneMember,
    output: z.null(),
    message: 'Member removed.',
    run: async (call, { user_id }) => {
      await removeMember(tools, call, user_id)
      return { data: null }
    },
  }),
]
