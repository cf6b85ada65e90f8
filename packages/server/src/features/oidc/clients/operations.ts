/** The operations of clients: of those of the server, and of those of an organization. */
import { operation } from '../../../base/http/row/operation.ts'

/** Who controls an app gets tokens of its users, so that changing one requires a sign-in this recent. */
const FRESH = '10m'
const CHANGES = { by: 'user', max: 300, per: '1h' } as const
const UPDATED = ['client.updated', 'client.enabled', 'client.disabled', 'client.secret.deleted'] as const

export const serverClientOperations = {
  list: operation({
    name: 'oidc.clients.list',
    summary: 'List the apps of the server',
    needs: 'oauth_clients:read',
    quiet: 'reads only',
  }),
  show: operation({
    name: 'oidc.clients.show',
    summary: 'Get an app of the server',
    needs: 'oauth_clients:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  create: operation({
    name: 'oidc.clients.create',
    summary: 'Create an app of the server',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: ['client.created', 'client.secret.created'],
    limit: CHANGES,
    errors: ['CONFLICT'],
  }),
  update: operation({
    name: 'oidc.clients.update',
    summary: 'Change an app of the server',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: UPDATED,
    limit: CHANGES,
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  delete: operation({
    name: 'oidc.clients.delete',
    summary: 'Delete an app of the server',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'client.deleted',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
  createSecret: operation({
    name: 'oidc.clients.secrets.create',
    summary: 'Create a secret of an app of the server',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'client.secret.created',
    limit: CHANGES,
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  deleteSecret: operation({
    name: 'oidc.clients.secrets.delete',
    summary: 'Delete a secret of an app of the server',
    needs: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'client.secret.deleted',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
} as const

export const clientOperations = {
  list: operation({
    name: 'organizations.clients.list',
    summary: 'List the apps of an organization',
    needs: 'session',
    organization: 'oauth_clients:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  show: operation({
    name: 'organizations.clients.show',
    summary: 'Get an app of an organization',
    needs: 'session',
    organization: 'oauth_clients:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  create: operation({
    name: 'organizations.clients.create',
    summary: 'Create an app of an organization',
    needs: 'session',
    organization: 'oauth_clients:write',
    fresh: FRESH,
    audit: ['client.created', 'client.secret.created'],
    limit: CHANGES,
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  update: operation({
    name: 'organizations.clients.update',
    summary: 'Change an app of an organization',
    needs: 'session',
    organization: 'oauth_clients:write',
    fresh: FRESH,
    audit: UPDATED,
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
  delete: operation({
    name: 'organizations.clients.delete',
    summary: 'Delete an app of an organization',
    needs: 'session',
    organization: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'client.deleted',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
  createSecret: operation({
    name: 'organizations.clients.secrets.create',
    summary: 'Create a secret of an app of an organization',
    needs: 'session',
    organization: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'client.secret.created',
    limit: CHANGES,
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  deleteSecret: operation({
    name: 'organizations.clients.secrets.delete',
    summary: 'Delete a secret of an app of an organization',
    needs: 'session',
    organization: 'oauth_clients:write',
    fresh: FRESH,
    audit: 'client.secret.deleted',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
} as const
