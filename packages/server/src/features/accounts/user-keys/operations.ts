/** The operations on other users' API keys. */
import { operation } from '../../../base/http/row/operation.ts'

export const userKeyOperations = {
  list: operation({
    name: 'users.api_keys.list',
    summary: 'List a user’s API keys',
    needs: 'api_keys:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  revoke: operation({
    name: 'users.api_keys.revoke',
    summary: 'Revoke an API key of a user',
    needs: 'api_keys:write',
    audit: 'auth.api_key.revoked',
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
  }),
}
