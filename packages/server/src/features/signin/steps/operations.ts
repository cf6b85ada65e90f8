/** The operations of attempts. */
import { operation } from '../../../base/http/row/operation.ts'

export const attemptOperations = {
  showAttempt: operation({
    name: 'auth.attempts.show',
    summary: 'Show what a sign-in still needs',
    open: 'the attempt is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 300, per: '10m' },
    errors: ['NOT_FOUND', 'ACCOUNT_DISABLED', 'ACCOUNT_LOCKED'],
  }),
}
