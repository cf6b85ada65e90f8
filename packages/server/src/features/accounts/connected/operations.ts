/** The operations on connected accounts. */
import { operation } from '../../../base/http/row/operation.ts'

export const connectedOperations = {
  list: operation({
    name: 'auth.external.linked_accounts',
    summary: 'List your connected accounts',
    needs: 'session',
    quiet: 'reads only',
  }),
  unlinkForm: operation({
    name: 'pages.account.disconnect',
    summary: 'Show what disconnecting an account at an identity provider means',
    needs: 'session',
    fresh: '10m',
    quiet: 'reads only',
  }),
  unlink: operation({
    name: 'auth.external.unlink',
    summary: 'Disconnect an account at an identity provider',
    needs: 'session',
    fresh: '10m',
    audit: ['auth.identity.unlinked', 'auth.session.revoked'],
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  listOfUser: operation({
    name: 'users.identities.list',
    summary: 'List a user’s connected accounts',
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  unlinkOfUser: operation({
    name: 'users.identities.remove',
    summary: 'Disconnect an account of a user at an identity provider',
    needs: 'users:write',
    audit: ['auth.identity.unlinked', 'auth.session.revoked'],
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
  }),
}
