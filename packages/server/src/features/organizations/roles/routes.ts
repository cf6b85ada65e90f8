/** The JSON API of an organization's roles. */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import { organizationRoleOperations as of } from './operations.ts'
import {
  changeOrganizationRole,
  createOrganizationRole,
  deleteOrganizationRole,
  listOrganizationRoles,
} from './roles.ts'
import { MemberRole, OrganizationRoleView, organizationRoleView, RoleFields } from './view.ts'

const tag = 'Organizations'
const ROLES = '/api/v1/organizations/:id/roles'
const OneRole = OneOrganization.extend({
  name: described(MemberRole, 'The name of the role, unique in the organization.', 'editor'),
})

export const organizationRoleRoutes = (tools: Tools): Row[] => [
  route({
    of: of.list,
    method: 'GET',
    path: ROLES,
    description: 'The built-in roles come first, then the custom ones.',
    tag,
    input: OneOrganization,
    output: z.array(OrganizationRoleView),
    message: 'Roles listed.',
    run: async (call) => ({ data: (await listOrganizationRoles(tools, call)).map(organizationRoleView) }),
  }),
  route({
    of: of.create,
    method: 'POST',
    path: ROLES,
    description: 'Only with permissions that you have yourself.',
    tag,
    status: 201,
    input: OneRole.extend({
      description: RoleFields.description.default(null),
      permissions: RoleFields.permissions,
      inherits: RoleFields.inherits.default(null),
    }),
    output: OrganizationRoleView,
    message: 'Role created.',
    run: async (call, { id: _, ...input }) => ({
      data: organizationRoleView(await createOrganizationRole(tools, call, input)),
    }),
  }),
  route({
    of: of.update,
    method: 'PATCH',
    path: `${ROLES}/:name`,
    description:
      'Changes only the fields that are sent. Takes effect immediately for all members with the role.',
    tag,
    input: OneRole.extend({
      description: RoleFields.description.optional(),
      permissions: RoleFields.permissions.optional(),
      inherits: RoleFields.inherits.optional(),
    }),
    output: OrganizationRoleView,
    message: 'Role changed.',
    run: async (call, { name, description, permissions, inherits }) => ({
      data: organizationRoleView(
        await changeOrganizationRole(tools, call, name, { description, permissions, inherits }),
      ),
    }),
  }),
  route({
    of: of.delete,
    method: 'DELETE',
    path: `${ROLES}/:name`,
    description:
      'Not while a member has the role, an open invitation names it, or a connection gives it: 409, of a connection with `reason: "given_by_connections"` and, for those who may see connections, their ids and names.',
    tag,
    input: OneRole,
    output: z.null(),
    message: 'Role deleted.',
    run: async (call, { name }) => {
      await deleteOrganizationRole(tools, call, name)
      return { data: null }
    },
  }),
]
