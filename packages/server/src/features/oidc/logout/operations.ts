/** The operations of signing out at the request of an app. */
import { operation } from '../../../base/http/row/operation.ts'

const LIMIT = { by: 'ip', max: 600, per: '10m' } as const

export const logoutListOperations = {
  ofServer: operation({
    name: 'oidc.clients.logouts',
    summary: 'List the logout messages to an app of the server',
    needs: 'oauth_clients:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  ofOrganization: operation({
    name: 'organizations.clients.logouts',
    summary: 'List the logout messages to an app of an organization',
    needs: 'session',
    organization: 'oauth_clients:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
}

export const logoutOperations = {
  logout: operation({
    name: 'oidc.logout',
    summary: 'Sign a user out at the request of an app',
    open: 'users who are signed out stay signed out',
    audit: 'auth.logout',
    limit: LIMIT,
  }),
  confirm: operation({
    name: 'oidc.logout.confirm',
    summary: 'Sign out, as an app has requested',
    open: 'users who are signed out stay signed out',
    audit: 'auth.logout',
    limit: LIMIT,
  }),
}
