/** The operation of registrations. */
import { operation } from '../../../base/http/row/operation.ts'

export const register = operation({
  name: 'oidc.register',
  summary: 'Register an app',
  open: 'an app registers itself where the settings permit it, by itself or with an API key, which the row reads',
  audit: ['client.created', 'client.secret.created'],
  limit: { by: 'ip', max: 60, per: '1h' },
  errors: ['NOT_FOUND', 'AUTHENTICATION_REQUIRED', 'INSUFFICIENT_PERMISSIONS', 'UNAVAILABLE'],
})
