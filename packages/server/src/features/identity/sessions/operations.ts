/** What a user does with their own sessions. */
import { operation } from '../../../base/http/row/operation.ts'

export const sessionOperations = {
  list: operation({
    name: 'sessions.list',
    summary: 'List your sessions',
    needs: 'session',
    quiet: 'reads only',
  }),
  revoke: operation({
    name: 'sessions.revoke',
    summary: 'End one of your sessions',
    needs: 'session',
    audit: 'auth.session.revoked',
    errors: ['NOT_FOUND'],
  }),
  revokeOthers: operation({
    name: 'sessions.revoke_others',
    summary: 'End all your other sessions',
    needs: 'session',
    audit: 'auth.session.revoked',
  }),
}
