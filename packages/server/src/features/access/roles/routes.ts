/** The JSON API of roles, permissions, and who holds them. */
import { z } from 'zod'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  ByName,
  NewPermissionInput,
  NewRoleInput,
  OfUser,
  PermissionView,
  RoleChangeInput,
  RoleView,
  UserRolesInput,
  UserRolesView,
} from './fields.ts'
import { getUserRoles, setUserRoles } from './holders.ts'
import { createPermission, deletePermission, listPermissions } from './permissions.ts'
import { changeRole, createRole, deleteRole, getRole, listRoles } from './roles.ts'

const tag = 'Roles and permissions'
const WITHIN = 'Within your own: it may permit and grant nothing that you may not. Not for API keys.'

export const accessRoutes = (tools: Tools): Row[] => [
  ...roleRoutes(tools),
  ...permissionRoutes(tools),
  ...holderRoutes(tools),
]

const roleRoutes = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'roles.list',
      summary: 'List roles',
      needs: 'roles:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/api/v1/roles',
    description: 'The most powerful first. `effective_permissions` has the inherited ones as well.',
    tag,
    input: z.object({}),
    output: z.array(RoleView),
    run: async (call) => ({ data: await listRoles(tools, call) }),
  }),
  route({
    of: operation({
      name: 'roles.create',
      summary: 'Make a role',
      needs: 'roles:write',
      audit: ['role.created'],
      errors: ['CONFLICT'],
    }),
    method: 'POST',
    path: '/api/v1/roles',
    description: WITHIN,
    tag,
    status: 201,
    input: NewRoleInput,
    output: RoleView,
    run: async (call, wish) => ({ data: await createRole(tools, call, wish) }),
  }),
  route({
    of: operation({
      name: 'roles.show',
      summary: 'Show a role',
      needs: 'roles:read',
      quiet: 'reads only',
      errors: ['NOT_FOUND'],
    }),
    method: 'GET',
    path: '/api/v1/roles/:name',
    tag,
    input: ByName,
    output: RoleView,
    run: async (call, { name }) => ({ data: await getRole(tools, call, name) }),
  }),
  route({
    of: operation({
      name: 'roles.update',
      summary: 'Change a role',
      needs: 'roles:write',
      audit: ['role.updated'],
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'PATCH',
    path: '/api/v1/roles/:name',
    description: `Changes only the fields that are sent, for everybody who has the role, from the next request on. ${WITHIN}`,
    tag,
    input: RoleChangeInput,
    output: RoleView,
    run: async (call, { name, ...change }) => ({ data: await changeRole(tools, call, name, change) }),
  }),
  route({
    of: operation({
      name: 'roles.delete',
      summary: 'Delete a role',
      needs: 'roles:write',
      audit: ['role.deleted'],
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'DELETE',
    path: '/api/v1/roles/:name',
    description:
      'One that nobody has, no other inherits and newcomers do not get. The top role of a preset stays. Not for API keys.',
    tag,
    input: ByName,
    output: z.null(),
    run: async (call, { name }) => {
      await deleteRole(tools, call, name)
      return { data: null, message: 'The role is deleted.' }
    },
  }),
]

const permissionRoutes = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'permissions.list',
      summary: 'List the permissions there are',
      needs: 'roles:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/api/v1/permissions',
    description:
      'Those that the server asks for itself, of the server and inside organizations, then the app’s own.',
    tag,
    input: z.object({}),
    output: z.array(PermissionView),
    run: async (call) => ({ data: await listPermissions(tools, call) }),
  }),
  route({
    of: operation({
      name: 'permissions.create',
      summary: 'Add a permission of the app’s own',
      needs: 'roles:write',
      audit: ['permission.created'],
      errors: ['CONFLICT'],
    }),
    method: 'POST',
    path: '/api/v1/permissions',
    description:
      'With `organization_roles` it is one inside organizations, and whoever has one of these built-in roles has it there. Only what you may do yourself. Not for API keys.',
    tag,
    status: 201,
    input: NewPermissionInput,
    output: PermissionView,
    run: async (call, wish) => ({ data: await createPermission(tools, call, wish) }),
  }),
  route({
    of: operation({
      name: 'permissions.delete',
      summary: 'Delete a permission of the app’s own',
      needs: 'roles:write',
      audit: ['permission.deleted'],
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'DELETE',
    path: '/api/v1/permissions/:name',
    description: 'One that no role of the server has. Not for API keys.',
    tag,
    input: ByName,
    output: z.null(),
    run: async (call, { name }) => {
      await deletePermission(tools, call, name)
      return { data: null, message: 'The permission is deleted.' }
    },
  }),
]

const holderRoutes = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'users.roles.show',
      summary: 'Show somebody’s roles',
      needs: 'users:read',
      quiet: 'reads only',
      errors: ['NOT_FOUND'],
    }),
    method: 'GET',
    path: '/api/v1/users/:id/roles',
    tag,
    input: OfUser,
    output: UserRolesView,
    run: async (call, { id }) => ({ data: await getUserRoles(tools, call, id) }),
  }),
  route({
    of: operation({
      name: 'users.roles.update',
      summary: 'Replace somebody’s roles',
      needs: 'users:grant',
      audit: ['user.roles.changed'],
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'PUT',
    path: '/api/v1/users/:id/roles',
    description:
      'Takes `users:read` as well. Every role that is given or taken must be among those that your roles grant, and permit nothing that you may not; so must what the person has now. The last administrator stays one. Counts from the next request on. Not for API keys.',
    tag,
    input: UserRolesInput,
    output: UserRolesView,
    run: async (call, { id, roles }) => ({ data: await setUserRoles(tools, call, id, roles) }),
  }),
]
