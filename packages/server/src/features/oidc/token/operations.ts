/** The one operation of the token endpoint. */
import { operation } from '../../../base/http/row/operation.ts'

export const tokenEndpoint = operation({
  name: 'oidc.token',
  summary: 'Get tokens for an app',
  open: 'the app proves who it is by its own credential',
  audit: ['oidc.token.reuse', 'user.impersonated', 'access.denied'],
  limit: { by: 'ip', max: 6000, per: '1m' },
  errors: ['AUTHENTICATION_FAILED'],
})
