/** The operations of continuing a sign-in by a second factor. */
import { operation } from '../../../base/http/row/operation.ts'

const ERRORS = [
  'AUTHENTICATION_FAILED',
  'ACCOUNT_LOCKED',
  'ACCOUNT_DISABLED',
  'EMAIL_NOT_VERIFIED',
  'PASSWORD_EXPIRED',
  'MFA_REQUIRED',
  'MFA_ENROLMENT_REQUIRED',
  'AUTHENTICATION_REQUIRED',
  'NOT_FOUND',
  'CONFLICT',
  'UNAVAILABLE',
] as const
const COMPLETES = [
  'auth.login.success',
  'auth.login.failure',
  'auth.login.locked',
  'auth.device.remembered',
  'auth.step_up.success',
  'auth.token.issued',
] as const

export const secondFactorOperations = {
  verify: operation({
    name: 'auth.mfa.verify',
    summary: 'Continue a sign-in or a step-up by a further proof',
    open: 'the attempt is the credential',
    audit: COMPLETES,
    limit: { by: 'ip', max: 60, per: '10m', exact: true },
    errors: ERRORS,
  }),
  form: operation({
    name: 'pages.second_factor',
    summary: 'Show the form of a second factor',
    open: 'the attempt in the cookie is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 300, per: '10m' },
  }),
  enrolForm: operation({
    name: 'pages.second_factor.enrol',
    summary: 'Show the form that sets up a second factor in a sign-in',
    open: 'the attempt in the cookie is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 300, per: '10m' },
  }),
  enrol: operation({
    name: 'auth.mfa.enrol',
    summary: 'Set up a second factor in a sign-in',
    open: 'the attempt is the credential',
    audit: [
      ...COMPLETES,
      'auth.mfa.enabled',
      'auth.passkey.added',
      'auth.mfa.backup_codes_created',
      'organization.member.mfa_enrolled',
    ],
    limit: { by: 'ip', max: 60, per: '10m', exact: true },
    errors: ERRORS,
  }),
}
