/** The operations of second factors, whichever kind they are. */
import { operation } from '../../../base/http/row/operation.ts'

export const mfaOperations = {
  show: operation({
    name: 'auth.mfa.show',
    summary: 'Show your second factors',
    needs: 'session',
    quiet: 'reads only',
  }),
  disable: operation({
    name: 'auth.mfa.disable',
    summary: 'Remove a second factor, or all',
    needs: 'session',
    fresh: { within: '10m', acr: 'enrolled' },
    audit: ['auth.mfa.disabled', 'auth.passkey.removed', 'auth.session.revoked'],
    limit: { by: 'user', max: 30, per: '1h' },
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
  }),
}
