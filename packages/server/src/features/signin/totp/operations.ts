/** The operations of authenticator apps: in a session, and in a sign-in that requires one. */
import { operation } from '../../../base/http/row/operation.ts'
import { secondFactorOperations } from '../second-factor/index.ts'

/**
 * With the password alone, an account's second factor is not replaced by another one; confirming one raises the session, so
 * that it is not the way around a step-up either.
 */
const PROVEN = { within: '10m', acr: 'enrolled' } as const
const ATTEMPT = 'the attempt is the credential'

export const totpOperations = {
  list: operation({
    name: 'pages.security.totp',
    summary: 'Show your authenticator apps',
    needs: 'session',
    quiet: 'reads only',
  }),
  enable: operation({
    name: 'auth.mfa.enable',
    summary: 'Begin to set up an authenticator app',
    needs: 'session',
    fresh: PROVEN,
    quiet: 'the authenticator counts once its first code is confirmed',
    limit: { by: 'user', max: 30, per: '1h' },
    errors: ['CONFLICT', 'UNAVAILABLE'],
  }),
  confirm: operation({
    name: 'auth.mfa.confirm',
    summary: 'Confirm an authenticator app by its first code',
    needs: 'session',
    fresh: PROVEN,
    audit: ['auth.mfa.enabled', 'auth.mfa.backup_codes_created', 'organization.member.mfa_enrolled'],
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['CONFLICT', 'UNAVAILABLE', 'AUTHENTICATION_REQUIRED'],
  }),
  showRemoval: operation({
    name: 'pages.security.totp.removal',
    summary: 'Show what removing an authenticator app means',
    needs: 'session',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  showRenaming: operation({
    name: 'pages.security.totp.rename',
    summary: 'Show the form that renames an authenticator app',
    needs: 'session',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  rename: operation({
    name: 'auth.mfa.rename',
    summary: 'Rename an authenticator app',
    needs: 'session',
    audit: 'auth.mfa.renamed',
    errors: ['NOT_FOUND'],
  }),
  enableInAttempt: operation({
    name: 'auth.attempts.mfa.enable',
    summary: 'Begin to set up the authenticator app that a sign-in requires',
    open: ATTEMPT,
    quiet: 'the authenticator counts once its first code is confirmed',
    limit: { by: 'ip', max: 30, per: '10m' },
    errors: ['NOT_FOUND', 'CONFLICT', 'ACCOUNT_DISABLED', 'ACCOUNT_LOCKED', 'UNAVAILABLE'],
  }),
  confirmInAttempt: operation({
    name: 'auth.attempts.mfa.confirm',
    summary: 'Confirm the authenticator app, and continue the sign-in',
    open: ATTEMPT,
    audit: [
      'auth.mfa.enabled',
      'auth.mfa.backup_codes_created',
      'organization.member.mfa_enrolled',
      'auth.login.success',
      'auth.login.failure',
      'auth.session.revoked',
      'auth.token.issued',
    ],
    limit: { by: 'ip', max: 60, per: '10m', exact: true, sharedWith: secondFactorOperations.enrol },
    errors: [
      'NOT_FOUND',
      'CONFLICT',
      'ACCOUNT_DISABLED',
      'ACCOUNT_LOCKED',
      'EMAIL_NOT_VERIFIED',
      'PASSWORD_EXPIRED',
      'MFA_REQUIRED',
      'MFA_ENROLMENT_REQUIRED',
      'UNAVAILABLE',
    ],
  }),
}
