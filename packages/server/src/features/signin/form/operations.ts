/** The operation of the sign-in page. */
import { operation } from '../../../base/http/row/operation.ts'

export const signInFormOperation = operation({
  name: 'pages.sign_in',
  summary: 'Show the sign-in form',
  open: 'users sign in here',
  quiet: 'reads only',
})
