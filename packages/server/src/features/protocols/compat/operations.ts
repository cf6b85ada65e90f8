/** The operation of the compatibility routes that has no other face; issuing a token is the login's. */
import { operation } from '../../../base/http/row/operation.ts'
import { passwordOperations } from '../../signin/passwords/index.ts'

export const compatOperations = {
  revokeToken: operation({
    name: 'compat.revoke_token',
    summary: 'Revoke a token, or all of a user’s tokens, with the password',
    open: 'the password is the credential',
    hashes: true,
    audit: [
      'auth.login.success',
      'auth.login.attempt',
      'auth.login.failure',
      'auth.login.locked',
      'auth.logout',
      'auth.session.revoked',
    ],
    limit: { by: 'ip', max: 100, per: '10m', exact: true, sharedWith: passwordOperations.login },
    errors: [
      'NOT_FOUND',
      'AUTHENTICATION_FAILED',
      'ACCOUNT_LOCKED',
      'EMAIL_NOT_VERIFIED',
      'ACCOUNT_DISABLED',
      'PASSWORD_EXPIRED',
      'MFA_REQUIRED',
      'MFA_ENROLMENT_REQUIRED',
      'CONFLICT',
      'UNAVAILABLE',
    ],
  }),
}
