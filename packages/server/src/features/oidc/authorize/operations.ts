/** Authorization: what apps ask of users, and what users answer. */
import { operation } from '../../../base/http/row/operation.ts'

export const authorizeOperations = {
  authorize: operation({
    name: 'oidc.authorize',
    summary: 'Sign a user in to an app',
    open: 'a user who is not signed in is led to the sign-in',
    audit: 'oidc.authorized',
    limit: { by: 'ip', max: 600, per: '10m' },
  }),
  decide: operation({
    name: 'oidc.consent',
    summary: 'Allow an app what it asks for, or not',
    needs: 'session',
    anyProof: 'the app gets no more than the session may do, which is judged before',
    audit: ['oidc.authorized', 'oidc.denied'],
    limit: { by: 'user', max: 120, per: '10m' },
  }),
}
