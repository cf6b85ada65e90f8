/** What administrators do to other users' accounts. */
import { operation } from '../../../base/http/row/operation.ts'

/** Errors about the target account that follow from its state or from the caller's permissions. */
const TARGET_ERRORS = ['NOT_FOUND', 'CONFLICT'] as const

export const userOperations = {
  list: operation({
    name: 'users.list',
    summary: 'List and search people',
    needs: 'users:read',
    quiet: 'reads only',
  }),
  create: operation({
    name: 'users.create',
    summary: 'Make an account for somebody',
    needs: 'users:write',
    audit: 'user.created',
    limit: { by: 'user', max: 600, per: '1h' },
    errors: ['CONFLICT', 'INSUFFICIENT_PERMISSIONS', 'AUTHENTICATION_REQUIRED'],
  }),
  get: operation({
    name: 'users.get',
    summary: 'Show somebody’s account',
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  update: operation({
    name: 'users.update',
    summary: 'Change somebody’s account',
    needs: 'users:write',
    audit: ['user.updated', 'user.email_changed', 'auth.email.verified', 'auth.session.revoked'],
    errors: TARGET_ERRORS,
  }),
  delete: operation({
    name: 'users.delete',
    summary: 'Delete somebody’s account',
    needs: 'users:delete',
    fresh: '10m',
    audit: 'user.deleted',
    errors: TARGET_ERRORS,
  }),
  lock: operation({
    name: 'users.lock',
    summary: 'Lock somebody’s account',
    needs: 'users:write',
    audit: ['user.locked', 'auth.session.revoked'],
    errors: TARGET_ERRORS,
  }),
  unlock: operation({
    name: 'users.unlock',
    summary: 'Unlock somebody’s account',
    needs: 'users:write',
    audit: 'user.unlocked',
    errors: TARGET_ERRORS,
  }),
  disable: operation({
    name: 'users.disable',
    summary: 'Disable somebody’s account',
    needs: 'users:write',
    audit: ['user.disabled', 'auth.session.revoked'],
    errors: TARGET_ERRORS,
  }),
  enable: operation({
    name: 'users.enable',
    summary: 'Enable a disabled account again',
    needs: 'users:write',
    audit: 'user.enabled',
    errors: TARGET_ERRORS,
  }),
  listSessions: operation({
    name: 'users.sessions.list',
    summary: 'List somebody’s sessions',
    needs: 'users:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  endSessions: operation({
    name: 'users.sessions.revoke_all',
    summary: 'End all sessions of somebody',
    needs: 'users:write',
    audit: 'auth.session.revoked',
    errors: ['NOT_FOUND'],
  }),
  endSession: operation({
    name: 'users.sessions.revoke',
    summary: 'End a session of somebody',
    needs: 'users:write',
    audit: 'auth.session.revoked',
    errors: ['NOT_FOUND'],
  }),
  sendReset: operation({
    name: 'users.password_reset',
    summary: 'Send somebody a link to choose another password',
    needs: 'users:write',
    audit: 'auth.password.reset_requested',
    errors: TARGET_ERRORS,
  }),
}
