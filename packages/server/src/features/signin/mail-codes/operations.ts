/** The operations of signing in by e-mail. */
import { operation } from '../../../base/http/row/operation.ts'

const REQUEST = 'users sign in here'
const COMPLETES = [
  'auth.login.success',
  'auth.login.attempt',
  'auth.login.failure',
  'auth.login.locked',
  'auth.token.issued',
  'auth.email.verified',
  'auth.session.revoked',
  'auth.api_key.revoked',
  'auth.passkey.removed',
  'auth.mfa.disabled',
] as const
const ERRORS = [
  'ACCOUNT_LOCKED',
  'ACCOUNT_DISABLED',
  'EMAIL_NOT_VERIFIED',
  'MFA_REQUIRED',
  'MFA_ENROLMENT_REQUIRED',
  'TOKEN_EXPIRED',
  'CONFLICT',
  'NOT_FOUND',
] as const

export const mailCodeOperations = {
  requestForm: operation({
    name: 'pages.sign_in.email',
    summary: 'Show the form that requests a link or a code',
    open: REQUEST,
    quiet: 'reads only',
  }),
  requestLink: operation({
    name: 'auth.magic_link',
    summary: 'Request a link to sign in by e-mail',
    open: REQUEST,
    audit: 'auth.magic_link.requested',
    limit: { by: 'ip', max: 20, per: '10m', exact: true },
  }),
  showLink: operation({
    name: 'pages.sign_in.link',
    summary: 'Show the form that the link of an e-mail opens',
    open: 'the token from the e-mail is the credential',
    quiet: 'reads only: opening the link does not use it up',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  completeLink: operation({
    name: 'auth.magic_link.complete',
    summary: 'Sign in with the token of a link',
    open: 'the token from the e-mail is the credential',
    audit: COMPLETES,
    limit: { by: 'ip', max: 30, per: '10m', exact: true },
    errors: ['INVALID_TOKEN', ...ERRORS],
  }),
  requestCode: operation({
    name: 'auth.email_code',
    summary: 'Request a six-digit code by e-mail',
    open: REQUEST,
    audit: 'auth.email_code.requested',
    limit: { by: 'ip', max: 20, per: '10m', exact: true },
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  enableFactor: operation({
    name: 'auth.mfa.email.enable',
    summary: 'Require a code by e-mail when you sign in',
    needs: 'session',
    fresh: '10m',
    audit: 'auth.mfa.enabled',
    limit: { by: 'user', max: 20, per: '1h' },
    errors: ['EMAIL_NOT_VERIFIED', 'CONFLICT'],
  }),
  codeForm: operation({
    name: 'pages.sign_in.code',
    summary: 'Show the form of a six-digit code',
    open: 'the attempt in the cookie is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 300, per: '10m' },
  }),
  completeCode: operation({
    name: 'auth.email_code.complete',
    summary: 'Sign in with a six-digit code',
    open: 'the attempt and the code are the credential',
    audit: COMPLETES,
    limit: { by: 'ip', max: 60, per: '10m', exact: true },
    errors: ['AUTHENTICATION_FAILED', ...ERRORS],
  }),
}
