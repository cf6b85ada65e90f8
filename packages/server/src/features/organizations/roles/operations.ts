/** The operations of an organization's roles. */
import { operation } from '../../../base/http/row/operation.ts'

export const organizationRoleOperations = {
  list: operation({
    name: 'organizations.roles.list',
    summary: 'List the roles of an organization',
    needs: 'session',
    organization: 'roles:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  show: operation({
    name: 'pages.organizations.role',
    summary: 'Show a custom role of an organization',
    needs: 'session',
    organization: 'roles:write',
    quiet: 'reads only',
  }),
  create: operation({
    name: 'organizations.roles.create',
    summary: 'Create a custom role in an organization',
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.created',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
  }),
  update: operation({
    name: 'organizations.roles.update',
    summary: 'Change a custom role of an organization',
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.updated',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
  }),
  delete: operation({
    name: 'organizations.roles.delete',
    summary: 'Delete a custom role of an organization',
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.deleted',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
  }),
} as const
