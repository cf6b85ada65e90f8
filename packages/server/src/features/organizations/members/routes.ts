/** The JSON API of members. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import { MemberRole } from '../roles/index.ts'
import { leaveOrganization } from './leaving.ts'
import { addMember, changeMemberRole, listMembers, removeMember, transferOwnership } from './members.ts'
import { memberOperations as of } from './operations.ts'
import { MemberSearch, MemberView, memberView, OneMember, UserId } from './view.ts'

const tag = 'Organizations'
const ORGANIZATION = '/api/v1/organizations/:id'
const MEMBERS = `${ORGANIZATION}/members`

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
    input: OneOrganization.extend({ user_id: UserId }),
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
    description: 'With `search`, those whose name, username or e-mail address begins with it.',
    tag,
    input: PageInput.extend({ ...OneOrganization.shape, search: MemberSearch }),
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
    description: 'For server administrators. All others invite.',
    tag,
    status: 201,
    input: OneOrganization.extend({ user_id: UserId, role: MemberRole }),
    output: MemberView,
    message: 'Member added.',
    run: async (call, { user_id, role }) => ({
      data: memberView(await addMember(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    of: of.changeRole,
    method: 'PATCH',
    path: `${MEMBERS}/:user_id/role`,
    description:
      'Neither the member’s permissions nor those of the new role may go beyond your own. The last owner keeps the role.',
    tag,
    input: OneMember.extend({ role: MemberRole }),
    output: MemberView,
    message: 'Role changed.',
    run: async (call, { user_id, role }) => ({
      data: memberView(await changeMemberRole(tools, call, { userId: user_id, role })),
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
