/** Roles of the server, permissions, and who holds roles. */
import { operation } from '../../../base/http/row/operation.ts'

export const serverRoleOperations = {
  list: operation({ name: 'roles.list', summary: 'List roles', needs: 'roles:read', quiet: 'reads only' }),
  create: operation({
    name: 'roles.create',
    summary: 'Create a role',
    needs: 'roles:write',
    audit: 'role.created',
    errors: ['CONFLICT'],
  }),
  get: operation({
    name: 'roles.show',
    summary: 'Get a role',
    needs: 'roles:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  update: operation({
    name: 'roles.update',
    summary: 'Change a role',
    needs: 'roles:write',
    audit: 'role.updated',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  delete: operation({
    name: 'roles.delete',
    summary: 'Delete a role',
    needs: 'roles:write',
    audit: 'role.deleted',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  listPermissions: operation({
    name: 'permissions.list',
    summary: 'List permissions',
    needs: 'roles:read',
    quiet: 'reads only',
  }),
  createPermission: operation({
    name: 'permissions.create',
    summary: 'Create a permission of the app',
    needs: 'roles:write',
    audit: 'permission.created',
    errors: ['CONFLICT'],
  }),
  deletePermission: operation({
    name: 'permissions.delete',
    summary: 'Delete a permission of the app',
    needs: 'roles:write',
    audit: 'permission.deleted',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  getUserRoles: operation({
    name: 'users.roles.show',
    summary: 'Get the roles of a user',
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  changeUserRoles: operation({
    name: 'users.roles.update',
    summary: 'Replace the roles of a user',
    needs: 'users:grant',
    audit: 'user.roles.changed',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  showOwn: operation({
    name: 'pages.access',
    summary: 'Show your roles and permissions',
    needs: 'session',
    quiet: 'reads only',
  }),
}
