/** Checking a credential on behalf of a reverse proxy or an app. */
import { operation } from '../../../base/http/row/operation.ts'

export const forwardAuthOperations = {
  validate: operation({
    name: 'auth.validate',
    summary: 'Check a credential',
    needs: 'caller',
    quiet: 'reads only',
    // a proxy asks for every request that it lets through
    limit: { by: 'user', max: 60_000, per: '1m' },
  }),
}
