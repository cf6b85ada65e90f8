/** The operations of backup codes. */
import { operation } from '../../../base/http/row/operation.ts'

export const backupCodeOperations = {
  show: operation({
    name: 'pages.security.backup_codes',
    summary: 'Show how many backup codes are left',
    needs: 'session',
    quiet: 'reads only',
  }),
  create: operation({
    name: 'auth.mfa.backup_codes',
    summary: 'Create backup codes',
    needs: 'session',
    fresh: { within: '10m', acr: 'enrolled' },
    audit: 'auth.mfa.backup_codes_created',
    limit: { by: 'user', max: 20, per: '1h' },
    errors: ['CONFLICT', 'UNAVAILABLE'],
  }),
}
