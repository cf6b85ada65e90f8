/** The JSON API of roles, permissions, and who holds roles. */
import { z } from 'zod'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  ByName,
  ByPermission,
  NewPermissionInput,
  NewRoleInput,
  OfUser,
  PermissionView,
  RoleChangeInput,
  RoleView,
  UserRolesInput,
  UserRolesView,
} from './fields.ts'
import { changeUserRoles, getUserRoles } from './holders.ts'
import { serverRoleOperations } from './operations.ts'
import { createPermission, deletePermission, listPermissions } from './permissions.ts'
import {
  changeServerRole,
  createServerRole,
  deleteServerRole,
  getServerRole,
  listServerRoles,
} from './roles.ts'

const tag = 'Roles and permissions'
const WITHIN_OWN = 'The role may contain and grant only what the caller has and may grant. Not for API keys.'

export const accessRoutes = (tools: Tools): Row[] => [
  ...roleRoutes(tools),
  ...permissionRoutes(tools),
  ...holderRoutes(tools),
]

const roleRoutes = (tools: Tools): Row[] => [
  route({
    of: serverRoleOperations.list,
    method: 'GET',
    path: '/api/v1/roles',
    description: 'The most powerful first. `effective_permissions` includes the inherited ones.',
    tag,
    message: 'Roles listed.',
    input: z.object({}),
    output: z.array(RoleView),
    run: async (call) => ({ data: await listServerRoles(tools, call) }),
  }),
  route({
    of: serverRoleOperations.create,
    method: 'POST',
    path: '/api/v1/roles',
    description: WITHIN_OWN,
    tag,
    status: 201,
    message: 'Role created.',
    input: NewRoleInput,
    output: RoleView,
    run: async (call, input) => ({ data: await createServerRole(tools, call, input) }),
  }),
  route({
    of: serverRoleOperations.get,
    method: 'GET',
    path: '/api/v1/roles/:name',
    tag,
    message: 'Role retrieved.',
    input: ByName,
    output: RoleView,
    run: async (call, { name }) => ({ data: await getServerRole(tools, call, name) }),
  }),
  route({
    of: serverRoleOperations.update,
    method: 'PATCH',
    path: '/api/v1/roles/:name',
    description: `Changes only the fields that are sent. Takes effect on the next request of every user with the role. ${WITHIN_OWN}`,
    tag,
    message: 'Role changed.',
    input: RoleChangeInput,
    output: RoleView,
    run: async (call, { name, ...change }) => ({ data: await changeServerRole(tools, call, name, change) }),
  }),
  route({
    of: serverRoleOperations.delete,
    method: 'DELETE',
    path: '/api/v1/roles/:name',
    description:
      'Refused for a role that a user has, another role inherits or new users get, and for the top role of a preset. Not for API keys.',
    tag,
    message: 'Role deleted.',
    input: ByName,
    output: z.null(),
    run: async (call, { name }) => {
      await deleteServerRole(tools, call, name)
      return { data: null }
    },
  }),
]

const permissionRoutes = (tools: Tools): Row[] => [
  route({
    of: serverRoleOperations.listPermissions,
    method: 'GET',
    path: '/api/v1/permissions',
    description:
      'The permissions that the server itself requires, for the server and inside organizations, then those of the app.',
    tag,
    message: 'Permissions listed.',
    input: z.object({}),
    output: z.array(PermissionView),
    run: async (call) => ({ data: await listPermissions(tools, call) }),
  }),
  route({
    of: serverRoleOperations.createPermission,
    method: 'POST',
    path: '/api/v1/permissions',
    description:
      'With `organization_roles` it is a permission inside organizations, and members with one of these built-in roles have it there. Only a permission that the caller has. Not for API keys.',
    tag,
    status: 201,
    message: 'Permission created.',
    input: NewPermissionInput,
    output: PermissionView,
    run: async (call, input) => ({ data: await createPermission(tools, call, input) }),
  }),
  route({
    of: serverRoleOperations.deletePermission,
    method: 'DELETE',
    path: '/api/v1/permissions/:name',
    description: 'Refused while a role of the server has it. Not for API keys.',
    tag,
    message: 'Permission deleted.',
    input: ByPermission,
    output: z.null(),
    run: async (call, { name }) => {
      await deletePermission(tools, call, name)
      return { data: null }
    },
  }),
]

const holderRoutes = (tools: Tools): Row[] => [
  route({
    of: serverRoleOperations.getUserRoles,
    method: 'GET',
    path: '/api/v1/users/:id/roles',
    tag,
    message: 'Roles of the user retrieved.',
    input: OfUser,
    output: UserRolesView,
    run: async (call, { id }) => ({ data: await getUserRoles(tools, call, id) }),
  }),
  route({
    of: serverRoleOperations.changeUserRoles,
    method: 'PUT',
    path: '/api/v1/users/:id/roles',
    description:
      'Requires `users:read` as well. The caller’s roles must grant every role that is given or taken, and the caller must have every permission of these roles and of the user’s present roles. The last administrator cannot lose that role. Takes effect on the next request. Not for API keys.',
    tag,
    message: 'Roles of the user changed.',
    input: UserRolesInput,
    output: UserRolesView,
    run: async (call, { id, roles }) => ({ data: await changeUserRoles(tools, call, id, roles) }),
  }),
]
