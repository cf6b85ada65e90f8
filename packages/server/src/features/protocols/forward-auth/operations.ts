/** The operation of forward authentication. */
import { operation } from '../../../base/http/row/operation.ts'

export const forwardAuthOperations = {
  validate: operation({
    name: 'auth.validate',
    summary: 'Check a credential',
    needs: 'caller',
    anyProof: 'it says who the session is, with the rights that its proofs give',
    quiet: 'reads only',
    // a proxy calls it for every request
    limit: { by: 'user', max: 60_000, per: '1m' },
    forProxies: true,
    // of HTTP Basic
    errors: [
      'AUTHENTICATION_FAILED',
      'ACCOUNT_LOCKED',
      'EMAIL_NOT_VERIFIED',
      'ACCOUNT_DISABLED',
      'PASSWORD_EXPIRED',
      'MFA_REQUIRED',
      'MFA_ENROLMENT_REQUIRED',
      'UNAVAILABLE',
    ],
  }),
}
