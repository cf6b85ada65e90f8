/** What a user does with their own API keys. An API key cannot do any of it: every operation needs a session. */
import { operation } from '../../../base/http/row/operation.ts'

/** The maximum age of the proof of identity for creating and replacing a key. */
export const KEY_PROOF_AGE = '10m'

export const apiKeyOperations = {
  list: operation({
    name: 'api_keys.list',
    summary: 'List your API keys',
    needs: 'session',
    quiet: 'reads only',
  }),
  create: operation({
    name: 'api_keys.issue',
    summary: 'Create an API key',
    needs: 'session',
    fresh: KEY_PROOF_AGE,
    audit: 'auth.api_key.created',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['INSUFFICIENT_PERMISSIONS', 'CONFLICT'],
  }),
  rotate: operation({
    name: 'api_keys.rotate',
    summary: 'Replace one of your API keys',
    needs: 'session',
    fresh: KEY_PROOF_AGE,
    audit: 'auth.api_key.rotated',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['NOT_FOUND', 'CONFLICT', 'MFA_ENROLMENT_REQUIRED'],
  }),
  revoke: operation({
    name: 'api_keys.revoke',
    summary: 'Revoke one of your API keys',
    needs: 'session',
    audit: 'auth.api_key.revoked',
    errors: ['NOT_FOUND'],
  }),
  get: operation({
    name: 'pages.api_keys.key',
    summary: 'Show one of your API keys',
    needs: 'session',
    quiet: 'reads only',
  }),
  returnToRotate: operation({
    name: 'pages.api_keys.rotate',
    summary: 'Return to the form that replaces an API key',
    needs: 'session',
    quiet: 'reads only: the redirect after a new sign-in on the way to replacing a key',
  }),
}
