/** The operations of user administration. */
import { operation } from '../../../base/http/row/operation.ts'

/** Errors about the target account that follow from its state or from the caller's permissions. */
const TARGET_ERRORS = ['NOT_FOUND', 'CONFLICT'] as const

export const userOperations = {
  list: operation({
    name: 'users.list',
    summary: 'List and search users',
    needs: 'users:read',
    quiet: 'reads only',
  }),
  create: operation({
    name: 'users.create',
    summary: 'Create an account',
    needs: 'users:write',
    audit: ['user.created', 'user.disabled', 'user.locked'],
    limit: { by: 'user', max: 600, per: '1h' },
    errors: ['CONFLICT', 'INSUFFICIENT_PERMISSIONS', 'AUTHENTICATION_REQUIRED'],
  }),
  get: operation({
    name: 'users.get',
    summary: 'Get a user',
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  update: operation({
    name: 'users.update',
    summary: 'Change a user’s account',
    needs: 'users:write',
    audit: [
      'user.updated',
      'user.email_changed',
      'auth.email.verified',
      'auth.session.revoked',
      'user.roles.changed',
      'user.disabled',
      'user.enabled',
      'user.locked',
      'user.unlocked',
    ],
    errors: [...TARGET_ERRORS, 'INSUFFICIENT_PERMISSIONS', 'AUTHENTICATION_REQUIRED'],
  }),
  delete: operation({
    name: 'users.delete',
    summary: 'Delete a user’s account',
    needs: 'users:delete',
    fresh: '10m',
    audit: 'user.deleted',
    errors: TARGET_ERRORS,
  }),
  lock: operation({
    name: 'users.lock',
    summary: 'Lock a user’s account',
    needs: 'users:write',
    audit: ['user.locked', 'auth.session.revoked'],
    errors: TARGET_ERRORS,
  }),
  unlock: operation({
    name: 'users.unlock',
    summary: 'Unlock a user’s account',
    needs: 'users:write',
    audit: 'user.unlocked',
    errors: TARGET_ERRORS,
  }),
  disable: operation({
    name: 'users.disable',
    summary: 'Disable a user’s account',
    needs: 'users:write',
    audit: ['user.disabled', 'auth.session.revoked'],
    errors: TARGET_ERRORS,
  }),
  enable: operation({
    name: 'users.enable',
    summary: 'Enable a disabled account',
    needs: 'users:write',
    audit: 'user.enabled',
    errors: TARGET_ERRORS,
  }),
  resetMfa: operation({
    name: 'users.mfa.reset',
    summary: 'Remove all second factors of a user who has lost them',
    needs: 'users:write',
    fresh: '10m',
    audit: ['auth.mfa.disabled', 'auth.passkey.removed', 'auth.session.revoked'],
    errors: TARGET_ERRORS,
  }),
  listSessions: operation({
    name: 'users.sessions.list',
    summary: 'List a user’s sessions',
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  endSessions: operation({
    name: 'users.sessions.revoke_all',
    summary: 'End all sessions of a user',
    needs: 'users:write',
    audit: 'auth.session.revoked',
    errors: ['NOT_FOUND'],
  }),
  endSession: operation({
    name: 'users.sessions.revoke',
    summary: 'End a session of a user',
    needs: 'users:write',
    audit: 'auth.session.revoked',
    errors: ['NOT_FOUND'],
  }),
  sendReset: operation({
    name: 'users.password_reset',
    summary: 'Send a user a link to choose a new password',
    needs: 'users:write',
    audit: 'auth.password.reset_requested',
    errors: TARGET_ERRORS,
  }),
}
