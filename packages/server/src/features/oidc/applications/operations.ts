/** The operations on the apps that a user has allowed. */
import { operation } from '../../../base/http/row/operation.ts'

export const applicationOperations = {
  list: operation({
    name: 'auth.applications.list',
    summary: 'List the apps that have access to your account',
    needs: 'session',
    quiet: 'reads only',
  }),
  removeForm: operation({
    name: 'pages.account.applications.remove',
    summary: 'Show what removing the access of an app means',
    needs: 'session',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  remove: operation({
    name: 'auth.applications.remove',
    summary: 'Remove the access of an app to your account',
    needs: 'session',
    audit: 'oidc.withdrawn',
    limit: { by: 'user', max: 120, per: '1h' },
    errors: ['NOT_FOUND'],
  }),
  listOfUser: operation({
    name: 'users.applications.list',
    summary: 'List the apps that have access to a user’s account',
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  removeOfUser: operation({
    name: 'users.applications.remove',
    summary: 'Remove the access of an app to a user’s account',
    needs: 'users:write',
    audit: 'oidc.withdrawn',
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
  }),
}
