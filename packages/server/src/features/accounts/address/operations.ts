/** The operations on one's own e-mail address. */
import { operation } from '../../../base/http/row/operation.ts'

const BY_LINK = 'the token from the e-mail is the credential'

export const addressOperations = {
  show: operation({
    name: 'users.me.email.show',
    summary: 'Get your e-mail address, and the change that waits for confirmation',
    needs: 'session',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  change: operation({
    name: 'users.me.email.change',
    summary: 'Change your e-mail address',
    needs: 'session',
    audit: ['auth.email.change_requested', 'auth.login.failure'],
    limit: { by: 'user', max: 10, per: '1h' },
    errors: [
      'AUTHENTICATION_FAILED',
      'ACCOUNT_LOCKED',
      'STEP_UP_REQUIRED',
      'UNAVAILABLE',
      'NOT_FOUND',
      'CONFLICT',
    ],
  }),
  cancel: operation({
    name: 'users.me.email.cancel',
    summary: 'Withdraw a change of your e-mail address',
    needs: 'session',
    audit: 'auth.email.change_cancelled',
    errors: ['NOT_FOUND'],
  }),
  confirmForm: operation({
    name: 'pages.email_change',
    summary: 'Show the page that the link to a new address opens',
    open: BY_LINK,
    quiet: 'reads only: opening the link does not use it up',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  confirm: operation({
    name: 'auth.email_change',
    summary: 'Confirm a new e-mail address',
    open: BY_LINK,
    audit: 'auth.email.changed',
    limit: { by: 'ip', max: 30, per: '10m' },
    errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'CONFLICT', 'ACCOUNT_DISABLED', 'ACCOUNT_LOCKED', 'NOT_FOUND'],
  }),
  undoForm: operation({
    name: 'pages.email_change.undo',
    summary: 'Show the page that the link to an earlier address opens',
    open: BY_LINK,
    quiet: 'reads only: opening the link does not use it up',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  undo: operation({
    name: 'auth.email_change.undo',
    summary: 'Undo a change of the e-mail address',
    open: BY_LINK,
    audit: [
      'auth.email.change_undone',
      'auth.session.revoked',
      'auth.api_key.revoked',
      'auth.passkey.removed',
      'auth.mfa.disabled',
    ],
    limit: { by: 'ip', max: 30, per: '10m' },
    errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'NOT_FOUND'],
  }),
}
