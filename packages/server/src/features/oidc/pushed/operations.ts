/** The one operation of pushed requests. */
import { operation } from '../../../base/http/row/operation.ts'

export const push = operation({
  name: 'oidc.par',
  summary: 'Push an authorization request',
  open: 'the app proves who it is by its own credential',
  quiet: 'the request does nothing until a browser brings its reference',
  limit: { by: 'ip', max: 6000, per: '1m' },
  errors: ['AUTHENTICATION_FAILED'],
})
