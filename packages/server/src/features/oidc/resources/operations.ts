/** The operations of resources: of the server alone. */
import { operation } from '../../../base/http/row/operation.ts'

/** What an API is called decides which tokens it accepts, so that changing one requires a sign-in this recent. */
const FRESH = '10m'
const CHANGES = { by: 'user', max: 300, per: '1h' } as const

export const resourceOperations = {
  list: operation({
    name: 'oidc.resources.list',
    summary: 'List the APIs that tokens are for',
    needs: 'oauth_clients:read',
    quiet: 'reads only',
  }),
  show: operation({
    name: 'oidc.resources.show',
    summary: 'Get an API',
    needs: 'oauth_clients:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  create: operation({
    name: 'oidc.resources.create',
    summary: 'Add an API',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'resource.created',
    limit: CHANGES,
    errors: ['CONFLICT'],
  }),
  update: operation({
    name: 'oidc.resources.update',
    summary: 'Change an API',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'resource.updated',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
  delete: operation({
    name: 'oidc.resources.delete',
    summary: 'Delete an API',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'resource.deleted',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
} as const
