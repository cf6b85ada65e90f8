/** The JSON API of roles, permissions, and who holds them. */
import { z } from 'zod'
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
    name: 'roles.list',
    method: 'GET',
    path: '/api/v1/roles',
    summary: 'List roles',
    description: 'The most powerful first. `effective_permissions` has the inherited ones as well.',
    tag,
    needs: 'roles:read',
    quiet: 'reads only',
    input: z.object({}),
    output: z.array(RoleView),
    run: async (call) => ({ data: await listRoles(tools, call) }),
  }),
  route({
    name: 'roles.create',
    method: 'POST',
    path: '/api/v1/roles',
    summary: 'Make a role',
    description: WITHIN,
    tag,
    needs: 'roles:write',
    audit: ['role.created'],
    errors: ['CONFLICT'],
    status: 201,
    input: NewRoleInput,
    output: RoleView,
    run: async (call, wish) => ({ data: await createRole(tools, call, wish) }),
  }),
  route({
    name: 'roles.show',
    method: 'GET',
    path: '/api/v1/roles/:name',
    summary: 'Show a role',
    tag,
    needs: 'roles:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
    input: ByName,
    output: RoleView,
    run: async (call, { name }) => ({ data: await getRole(tools, call, name) }),
  }),
  route({
    name: 'roles.update',
    method: 'PATCH',
    path: '/api/v1/roles/:name',
    summary: 'Change a role',
    description: `Changes only the fields that are sent, for everybody who has the role, from the next request on. ${WITHIN}`,
    tag,
    needs: 'roles:write',
    audit: ['role.updated'],
    errors: ['NOT_FOUND', 'CONFLICT'],
    input: RoleChangeInput,
    output: RoleView,
    run: async (call, { name, ...change }) => ({ data: await changeRole(tools, call, name, change) }),
  }),
  route({
    name: 'roles.delete',
    method: 'DELETE',
    path: '/api/v1/roles/:name',
    summary: 'Delete a role',
    description:
      'One that nobody has, no other inherits and newcomers do not get. The top role of a preset stays. Not for API keys.',
    tag,
    needs: 'roles:write',
    audit: ['role.deleted'],
    errors: ['NOT_FOUND', 'CONFLICT'],
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
    name: 'permissions.list',
    method: 'GET',
    path: '/api/v1/permissions',
    summary: 'List the permissions there are',
    description:
      'Those that the server asks for itself, of the server and inside organizations, then the app’s own.',
    tag,
    needs: 'roles:read',
    quiet: 'reads only',
    input: z.object({}),
    output: z.array(PermissionView),
    run: async (call) => ({ data: await listPermissions(tools, call) }),
  }),
  route({
    name: 'permissions.create',
    method: 'POST',
    path: '/api/v1/permissions',
    summary: 'Add a permission of the app’s own',
    description:
      'With `organization_roles` it is one inside organizations, and whoever has one of these built-in roles has it there. Only what you may do yourself. Not for API keys.',
    tag,
    needs: 'roles:write',
    audit: ['permission.created'],
    errors: ['CONFLICT'],
    status: 201,
    input: NewPermissionInput,
    output: PermissionView,
    run: async (call, wish) => ({ data: await createPermission(tools, call, wish) }),
  }),
  route({
    name: 'permissions.delete',
    method: 'DELETE',
    path: '/api/v1/permissions/:name',
    summary: 'Delete a permission of the app’s own',
    description: 'One that no role of the server has. Not for API keys.',
    tag,
    needs: 'roles:write',
    audit: ['permission.deleted'],
    errors: ['NOT_FOUND', 'CONFLICT'],
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
    name: 'users.roles.show',
    method: 'GET',
    path: '/api/v1/users/:id/roles',
    summary: 'Show somebody’s roles',
    tag,
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
    input: OfUser,
    output: UserRolesView,
    run: async (call, { id }) => ({ data: await getUserRoles(tools, call, id) }),
  }),
  route({
    name: 'users.roles.update',
    method: 'PUT',
    path: '/api/v1/users/:id/roles',
    summary: 'Replace somebody’s roles',
    description:
      'Takes `users:read` as well. Every role that is given or taken must be among those that your roles grant, and permit nothing that you may not; so must what the person has now. The last administrator stays one. Counts from the next request on. Not for API keys.',
    tag,
    needs: 'users:grant',
    audit: ['user.roles.changed'],
    errors: ['NOT_FOUND', 'CONFLICT'],
    input: UserRolesInput,
    output: UserRolesView,
    run: async (call, { id, roles }) => ({ data: await setUserRoles(tools, call, id, roles) }),
  }),
]
