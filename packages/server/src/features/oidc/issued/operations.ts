/** What apps and APIs learn of tokens, and the end of tokens. */
import { operation } from '../../../base/http/row/operation.ts'

const PROOF = 'the app proves who it is by its own credential'

export const issuedOperations = {
  userinfo: operation({
    name: 'oidc.userinfo',
    summary: 'Read what an app may know of its user',
    open: 'the access token of the app is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 6000, per: '1m' },
    errors: ['INVALID_TOKEN', 'INSUFFICIENT_PERMISSIONS'],
  }),
  introspect: operation({
    name: 'oidc.introspect',
    summary: 'Read what a token permits',
    open: PROOF,
    quiet: 'reads only',
    limit: { by: 'ip', max: 60_000, per: '1m' },
    errors: ['AUTHENTICATION_FAILED'],
  }),
  revoke: operation({
    name: 'oidc.revoke',
    summary: 'Revoke a token of an app',
    open: PROOF,
    audit: 'auth.token.revoked',
    limit: { by: 'ip', max: 6000, per: '1m' },
    errors: ['AUTHENTICATION_FAILED'],
  }),
}
