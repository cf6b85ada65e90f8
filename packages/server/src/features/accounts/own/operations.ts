/** The operations on the caller's own account. */
import { operation } from '../../../base/http/row/operation.ts'

export const profileOperations = {
  whoAmI: operation({
    name: 'auth.me',
    summary: 'Get the signed-in user and the session',
    needs: 'session',
    anyProof: 'it is the profile of the user alone',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  show: operation({
    name: 'users.me.show',
    summary: 'Get your account',
    needs: 'session',
    anyProof: 'it is the profile of the user alone',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  update: operation({
    name: 'users.me.update',
    summary: 'Change your profile',
    needs: 'session',
    audit: 'user.updated',
    errors: ['CONFLICT', 'NOT_FOUND'],
  }),
  delete: operation({
    name: 'users.me.delete',
    summary: 'Delete your account',
    needs: 'session',
    audit: 'user.deleted',
    limit: { by: 'user', max: 20, per: '1h' },
    errors: [
      'AUTHENTICATION_FAILED',
      'ACCOUNT_LOCKED',
      'STEP_UP_REQUIRED',
      'UNAVAILABLE',
      'NOT_FOUND',
      'CONFLICT',
    ],
  }),
  home: operation({
    name: 'pages.home',
    summary: 'Go to your account, or to sign-in',
    open: 'the start page redirects, and shows nothing',
    quiet: 'reads only',
  }),
  confirmDeletion: operation({
    name: 'pages.account.delete',
    summary: 'Confirm the deletion of your account',
    needs: 'session',
    quiet: 'reads only',
  }),
}
