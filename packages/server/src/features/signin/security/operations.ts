/** The operation of the security page. */
import { operation } from '../../../base/http/row/operation.ts'

export const securityOperations = {
  show: operation({
    name: 'pages.security',
    summary: 'Show how your account is protected',
    needs: 'session',
    quiet: 'reads only',
  }),
}
