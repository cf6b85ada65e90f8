/** The operations of passkeys. Signing in has a JSON route and a hosted form; so have adding, renaming and removing one. */
import { operation } from '../../../base/http/row/operation.ts'
import { secondFactorOperations } from '../second-factor/index.ts'

/**
 * Before the ways to sign in are changed. A passkey signs in by itself: with the password alone, none is added to an account
 * with a second factor, nor removed from it.
 */
const PROVEN = { within: '10m', acr: 'enrolled' } as const
const SIGN_IN_ERRORS = [
  'AUTHENTICATION_FAILED',
  'ACCOUNT_LOCKED',
  'EMAIL_NOT_VERIFIED',
  'ACCOUNT_DISABLED',
  'PASSWORD_EXPIRED',
  'MFA_REQUIRED',
  'MFA_ENROLMENT_REQUIRED',
  'CONFLICT',
  'NOT_FOUND',
  'UNAVAILABLE',
] as const
const ATTEMPT = 'the attempt is the credential'

export const passkeyOperations = {
  beginSignIn: operation({
    name: 'auth.passkeys.login.begin',
    summary: 'Begin a sign-in with a passkey',
    open: 'users sign in here',
    quiet: 'changes nothing: a challenge is not stored',
    limit: { by: 'ip', max: 300, per: '10m' },
    errors: ['CONFLICT', 'NOT_FOUND'],
  }),
  signIn: operation({
    name: 'auth.passkeys.login.complete',
    summary: 'Sign in with a passkey',
    open: 'users sign in here',
    audit: [
      'auth.login.success',
      'auth.login.attempt',
      'auth.login.failure',
      'auth.passkey.counter_regressed',
      'auth.token.issued',
    ],
    limit: { by: 'ip', max: 100, per: '10m', exact: true },
    errors: SIGN_IN_ERRORS,
  }),
  list: operation({
    name: 'auth.passkeys.list',
    summary: 'List your passkeys',
    needs: 'session',
    quiet: 'reads only',
  }),
  beginAdding: operation({
    name: 'auth.passkeys.register.begin',
    summary: 'Begin adding a passkey',
    needs: 'session',
    fresh: PROVEN,
    quiet: 'changes nothing: a challenge is not stored',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['CONFLICT', 'NOT_FOUND'],
  }),
  showAdding: operation({
    name: 'pages.passkeys.add',
    summary: 'Show the form that adds a passkey',
    needs: 'session',
    fresh: PROVEN,
    quiet: 'reads only',
    errors: ['CONFLICT', 'NOT_FOUND'],
  }),
  add: operation({
    name: 'auth.passkeys.register.complete',
    summary: 'Add a passkey',
    needs: 'session',
    fresh: PROVEN,
    audit: ['auth.passkey.added', 'auth.mfa.backup_codes_created', 'organization.member.mfa_enrolled'],
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['CONFLICT', 'NOT_FOUND', 'AUTHENTICATION_REQUIRED'],
  }),
  showRemoval: operation({
    name: 'pages.passkeys.removal',
    summary: 'Show what removing a passkey means',
    needs: 'session',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  showRenaming: operation({
    name: 'pages.passkeys.rename',
    summary: 'Show the form that renames a passkey',
    needs: 'session',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  rename: operation({
    name: 'auth.passkeys.rename',
    summary: 'Rename a passkey',
    needs: 'session',
    audit: 'auth.passkey.renamed',
    errors: ['NOT_FOUND'],
  }),
  remove: operation({
    name: 'auth.passkeys.remove',
    summary: 'Remove a passkey',
    needs: 'session',
    fresh: PROVEN,
    audit: ['auth.passkey.removed', 'auth.mfa.disabled', 'auth.session.revoked'],
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
  }),
  beginEnrolling: operation({
    name: 'auth.attempts.passkeys.register.begin',
    summary: 'Begin adding a passkey that a sign-in requires',
    open: ATTEMPT,
    quiet: 'changes nothing: a challenge is not stored',
    limit: { by: 'ip', max: 60, per: '10m' },
    errors: ['NOT_FOUND', 'CONFLICT', 'ACCOUNT_DISABLED', 'ACCOUNT_LOCKED'],
  }),
  enrol: operation({
    name: 'auth.attempts.passkeys.register.complete',
    summary: 'Add a passkey that a sign-in requires, and complete the sign-in',
    open: ATTEMPT,
    audit: [
      'auth.passkey.added',
      'auth.mfa.backup_codes_created',
      'organization.member.mfa_enrolled',
      'auth.login.success',
      'auth.login.failure',
      'auth.step_up.success',
      'auth.token.issued',
    ],
    limit: { by: 'ip', max: 60, per: '10m', exact: true, sharedWith: secondFactorOperations.enrol },
    errors: SIGN_IN_ERRORS,
  }),
  publishOrigins: operation({
    name: 'passkeys.origins',
    summary: 'Get the origins that may use the passkeys of this domain',
    open: 'browsers read it before a ceremony of a related origin',
    anonymous: true,
    quiet: 'reads only',
  }),
}
