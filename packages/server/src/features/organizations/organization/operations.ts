/** The operations of organizations. */
import { operation } from '../../../base/http/row/operation.ts'

/** Deleting an organization requires a sign-in this recent. */
const FRESH = '10m'

export const organizationOperations = {
  create: operation({
    name: 'organizations.create',
    summary: 'Create an organization',
    needs: 'session',
    audit: 'organization.created',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['INSUFFICIENT_PERMISSIONS', 'CONFLICT'],
  }),
  list: operation({
    name: 'organizations.list',
    summary: 'List every organization of the server',
    needs: 'organizations:read',
    quiet: 'reads only',
  }),
  show: operation({
    name: 'organizations.show',
    summary: 'Show an organization',
    needs: 'session',
    organization: 'organization:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  showSettings: operation({
    name: 'pages.organizations.settings',
    summary: 'Show the settings of an organization',
    needs: 'session',
    organization: 'organization:read',
    quiet: 'reads only',
  }),
  update: operation({
    name: 'organizations.update',
    summary: 'Change an organization',
    needs: 'session',
    organization: 'organization:update',
    audit: 'organization.updated',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  confirmDelete: operation({
    name: 'pages.organizations.delete',
    summary: 'Ask for confirmation before deleting an organization',
    needs: 'session',
    organization: 'organization:delete',
    fresh: FRESH,
    quiet: 'reads only',
  }),
  delete: operation({
    name: 'organizations.delete',
    summary: 'Delete an organization',
    needs: 'session',
    organization: 'organization:delete',
    fresh: FRESH,
    audit: 'organization.deleted',
    errors: ['NOT_FOUND'],
  }),
  restore: operation({
    name: 'organizations.restore',
    summary: 'Restore a deleted organization',
    needs: 'session',
    organization: 'organization:delete',
    deletedToo: true,
    audit: 'organization.restored',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
} as const
