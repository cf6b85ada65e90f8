/** The operations of set-up links. */
import { operation } from '../../../base/http/row/operation.ts'

export const setupLinkOperations = {
  list: operation({
    name: 'organizations.setup_links.list',
    summary: 'List the open set-up links of an organization',
    needs: 'session',
    organization: 'connections:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  issue: operation({
    name: 'organizations.setup_links.create',
    summary: 'Create a set-up link',
    needs: 'session',
    organization: 'connections:write',
    fresh: '10m',
    audit: 'organization.setup_link.created',
    limit: { by: 'user', max: 30, per: '1h' },
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  revoke: operation({
    name: 'organizations.setup_links.revoke',
    summary: 'Revoke a set-up link',
    needs: 'session',
    organization: 'connections:write',
    fresh: '10m',
    audit: 'organization.setup_link.revoked',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['NOT_FOUND'],
  }),
} as const
