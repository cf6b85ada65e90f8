/** The operations of passwords. Sign-in, reset and change have a JSON route and a hosted form each. */
import { operation } from '../../../base/http/row/operation.ts'

const NEEDS_NO_SESSION = 'a user who forgot the password cannot sign in'
const LINK = 'the token from the e-mail is the credential'

export const passwordOperations = {
  login: operation({
    name: 'auth.login',
    summary: 'Sign in with a password',
    open: 'users sign in here',
    audit: [
      'auth.login.success',
      'auth.login.attempt',
      'auth.login.failure',
      'auth.login.locked',
      'auth.token.issued',
    ],
    limit: { by: 'ip', max: 100, per: '10m', exact: true },
    errors: [
      'AUTHENTICATION_FAILED',
      'ACCOUNT_LOCKED',
      'EMAIL_NOT_VERIFIED',
      'MFA_REQUIRED',
      'MFA_ENROLMENT_REQUIRED',
      'ACCOUNT_DISABLED',
      'PASSWORD_EXPIRED',
      'CONFLICT',
      'UNAVAILABLE',
      'INVALID_API_KEY',
      'NOT_FOUND',
    ],
  }),
  showExpired: operation({
    name: 'pages.sign_in.new_password',
    summary: 'Show the form that replaces an expired password',
    open: 'the attempt in the cookie is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 300, per: '10m' },
  }),
  replaceExpired: operation({
    name: 'auth.attempts.password',
    summary: 'Replace an expired password and complete the sign-in',
    open: 'the attempt is the credential',
    audit: [
      'auth.password.changed',
      'auth.session.revoked',
      'auth.login.success',
      'auth.login.failure',
      'auth.token.issued',
    ],
    limit: { by: 'ip', max: 30, per: '10m', exact: true },
    errors: [
      'NOT_FOUND',
      'CONFLICT',
      'ACCOUNT_LOCKED',
      'EMAIL_NOT_VERIFIED',
      'MFA_REQUIRED',
      'MFA_ENROLMENT_REQUIRED',
      'ACCOUNT_DISABLED',
      'UNAVAILABLE',
    ],
  }),
  show: operation({
    name: 'pages.security.password',
    summary: 'Show the form that changes your password',
    needs: 'session',
    quiet: 'reads only',
  }),
  change: operation({
    name: 'users.me.change_password',
    summary: 'Change your password',
    needs: 'session',
    audit: ['auth.password.changed', 'auth.session.revoked', 'auth.login.failure'],
    limit: { by: 'user', max: 20, per: '1h' },
    errors: ['AUTHENTICATION_FAILED', 'ACCOUNT_LOCKED', 'CONFLICT', 'UNAVAILABLE', 'NOT_FOUND'],
  }),
  findChangePage: operation({
    name: 'pages.change_password',
    summary: 'Redirect to the page that changes your password',
    open: 'names a page that requires a session itself',
    anonymous: true,
    quiet: 'reads only',
  }),
  forgotForm: operation({
    name: 'pages.forgot_password',
    summary: 'Show the form of a forgotten password',
    open: NEEDS_NO_SESSION,
    quiet: 'reads only',
  }),
  forgot: operation({
    name: 'passwords.forgot',
    summary: 'Request an e-mail to reset a password',
    open: NEEDS_NO_SESSION,
    audit: 'auth.password.reset_requested',
    limit: { by: 'ip', max: 20, per: '10m', exact: true },
  }),
  resetForm: operation({
    name: 'pages.reset_password',
    summary: 'Show the form that the link of a reset e-mail opens',
    open: LINK,
    quiet: 'reads only: opening the link does not use it up',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  reset: operation({
    name: 'passwords.reset',
    summary: 'Set a new password with the token from the e-mail',
    open: LINK,
    audit: ['auth.password.reset', 'auth.session.revoked', 'auth.email.verified'],
    limit: { by: 'ip', max: 30, per: '10m', exact: true },
    errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'CONFLICT', 'UNAVAILABLE', 'NOT_FOUND'],
  }),
}
