/** Access and refresh tokens: issuing, refreshing, revoking, and what guards need to check them. */
import { operation } from '../../../base/http/row/operation.ts'

export const tokenOperations = {
  issue: operation({
    name: 'auth.tokens.issue',
    summary: 'Issue an access and a refresh token for your session',
    needs: 'session',
    anyProof: 'the tokens have no role at the server, and act in the organization of the provider alone',
    audit: 'auth.token.issued',
    limit: { by: 'user', max: 60, per: '1h' },
  }),
  issueAccess: operation({
    name: 'auth.token',
    summary: 'Issue a short-lived access token for your session',
    needs: 'session',
    anyProof: 'the token has no role at the server, and acts in the organization of the provider alone',
    audit: 'auth.token.issued',
    limit: { by: 'user', max: 120, per: '10m' },
  }),
  refresh: operation({
    name: 'auth.refresh',
    summary: 'Exchange a refresh token for new tokens',
    open: 'the refresh token is the credential',
    audit: ['auth.token.reuse', 'auth.session.revoked'],
    limit: { by: 'ip', max: 600, per: '10m' },
    errors: ['INVALID_TOKEN'],
  }),
  revoke: operation({
    name: 'auth.revoke',
    summary: 'Revoke a token',
    open: 'the holder of a token may revoke it',
    audit: ['auth.token.revoked', 'auth.logout'],
    limit: { by: 'ip', max: 600, per: '10m' },
  }),
  revokeAll: operation({
    name: 'auth.tokens.revoke_all',
    summary: 'Revoke all your tokens',
    needs: 'session',
    audit: 'auth.token.revoked',
  }),
  publishKeys: operation({
    name: 'keys.published',
    summary: 'Get the public keys that verify tokens',
    open: 'every verifier of tokens needs the keys',
    quiet: 'reads only',
    anonymous: true,
  }),
  streamRevocations: operation({
    name: 'auth.revocations',
    summary: 'Stream revocations as they happen',
    needs: 'revocations:read',
    quiet: 'reads only',
    limit: { by: 'user', max: 600, per: '10m' },
  }),
}
