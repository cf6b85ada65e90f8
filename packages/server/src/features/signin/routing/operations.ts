/** The operations of routing by domain. */
import { operation } from '../../../base/http/row/operation.ts'

const SIGN_IN = 'users sign in here'

export const routingOperations = {
  discover: operation({
    name: 'auth.external.discover',
    summary: 'Find the identity provider of an address by its domain',
    open: SIGN_IN,
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
  }),
  continue: operation({
    name: 'pages.sign_in.organization',
    summary: 'Show where people of a domain sign in',
    open: SIGN_IN,
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
  }),
  organization: operation({
    name: 'pages.sign_in.own',
    summary: 'Show the sign-in page of an organization',
    open: SIGN_IN,
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
  }),
}
