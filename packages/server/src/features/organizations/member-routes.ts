/** The JSON API of an organization's members and of its own roles. */
import { z } from 'zod'
import { PageInput } from '../../base/cursor.ts'
import { type Row, route } from '../../base/http/route.ts'
import type { Tools } from '../../base/tools.ts'
import {
  MemberView,
  memberView,
  OrganizationId,
  RoleFields,
  RoleName,
  RoleView,
  roleView,
  Search,
  UserId,
} from './fields.ts'
import { addMember, changeRole, listMembers, removeMember } from './members.ts'
import { changeOwnRole, createRole, deleteRole, listRoles } from './roles.ts'

const BASE = '/api/v1/organizations/:id'
const One = z.object({ id: OrganizationId })
const OneMember = One.extend({ user_id: z.string().max(64) })

const memberRows = (tools: Tools): Row[] => [
  route({
    name: 'organizations.members.list',
    method: 'GET',
    path: `${BASE}/members`,
    summary: 'List the members of an organization',
    description: 'With `search`, those whose name, username or e-mail address begins with it.',
    tag: 'Organizations',
    needs: 'session',
    organization: 'members:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
    input: PageInput.extend({ id: OrganizationId, search: Search }),
    output: z.array(MemberView),
    run: async (call, input) => {
      const { page, nextCursor } = await listMembers(tools, call, input)
      return { data: page.map(memberView), nextCursor }
    },
  }),
  route({
    name: 'organizations.members.add',
    method: 'POST',
    path: `${BASE}/members`,
    summary: 'Add a user to an organization',
    description: 'For administrators of the server. Everybody else invites.',
    tag: 'Organizations',
    needs: 'organizations:write',
    organization: 'members:update',
    audit: 'organization.member.added',
    errors: ['NOT_FOUND', 'CONFLICT'],
    status: 201,
    input: One.extend({ user_id: UserId, role: RoleName }),
    output: MemberView,
    run: async (call, { user_id, role }) => ({
      data: memberView(await addMember(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    name: 'organizations.members.change_role',
    method: 'PATCH',
    path: `${BASE}/members/:user_id/role`,
    summary: 'Change the role of a member',
    description:
      'Within your own permissions: what the member may do, and what the role permits. The last owner stays one.',
    tag: 'Organizations',
    needs: 'session',
    organization: 'members:update',
    audit: 'organization.member.role_changed',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    input: OneMember.extend({ role: RoleName }),
    output: MemberView,
    run: async (call, { user_id, role }) => ({
      data: memberView(await changeRole(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    name: 'organizations.members.remove',
    method: 'DELETE',
    path: `${BASE}/members/:user_id`,
    summary: 'Remove a member',
    description: 'Not one whose permissions go beyond your own, and not the last owner.',
    tag: 'Organizations',
    needs: 'session',
    organization: 'members:remove',
    audit: ['organization.member.removed', 'organization.member.left'],
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    input: OneMember,
    output: z.null(),
    run: async (call, { user_id }) => {
      await removeMember(tools, call, user_id)
      return { data: null, message: 'They belong to the organization no more.' }
    },
  }),
]

const roleRows = (tools: Tools): Row[] => [
  route({
    name: 'organizations.roles.list',
    method: 'GET',
    path: `${BASE}/roles`,
    summary: 'List the roles of an organization',
    description: 'The built-in ones, then its own.',
    tag: 'Organizations',
    needs: 'session',
    organization: 'roles:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
    input: One,
    output: z.array(RoleView),
    run: async (call) => ({ data: (await listRoles(tools, call)).map(roleView) }),
  }),
  route({
    name: 'organizations.roles.create',
    method: 'POST',
    path: `${BASE}/roles`,
    summary: 'Make a role of the organization’s own',
    description: 'Of permissions that you hold yourself.',
    tag: 'Organizations',
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.created',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    status: 201,
    input: One.extend({
      name: RoleName,
      description: RoleFields.description.default(null),
      permissions: RoleFields.permissions,
      inherits: RoleFields.inherits.default(null),
    }),
    output: RoleView,
    run: async (call, { id: _, ...wish }) => ({ data: roleView(await createRole(tools, call, wish)) }),
  }),
  route({
    name: 'organizations.roles.update',
    method: 'PATCH',
    path: `${BASE}/roles/:name`,
    summary: 'Change a role of the organization’s own',
    description: 'Changes only the fields that are sent. Counts at once for everybody who holds it.',
    tag: 'Organizations',
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.updated',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    input: One.extend({
      name: RoleName,
      description: RoleFields.description.optional(),
      permissions: RoleFields.permissions.optional(),
      inherits: RoleFields.inherits.optional(),
    }),
    output: RoleView,
    run: async (call, { name, description, permissions, inherits }) => ({
      data: roleView(await changeOwnRole(tools, call, name, { description, permissions, inherits })),
    }),
  }),
  route({
    name: 'organizations.roles.delete',
    method: 'DELETE',
    path: `${BASE}/roles/:name`,
    summary: 'Delete a role of the organization’s own',
    description: 'Not while somebody holds it.',
    tag: 'Organizations',
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.deleted',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    input: One.extend({ name: RoleName }),
    output: z.null(),
    run: async (call, { name }) => {
      await deleteRole(tools, call, name)
      return { data: null, message: 'The role is deleted.' }
    },
  }),
]

export const memberRoutes = (tools: Tools): Row[] => [...memberRows(tools), ...roleRows(tools)]
