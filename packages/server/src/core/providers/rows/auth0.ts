/** Auth0 (https://auth0.com/docs/get-started/applications). The issuer ends in `/`; groups come in a namespaced claim, by an attribute. */
import type { OidcProvider } from '../provider.ts'
import { oidc } from './oidc.ts'

export const auth0: OidcProvider = {
  ...oidc,
  id: 'auth0',
  name: 'Auth0',
  settings: oidc.settings.filter((setting) => setting !== 'allows_private'),
  secret: 'required',
  authentication: 'post',
  refresh: { scopes: ['offline_access'] },
}
