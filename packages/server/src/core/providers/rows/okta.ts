/**
 * Okta (https://developer.okta.com/docs/reference/api/oidc/). The issuer is the organization's URL or that of a custom authorization server,
 * such as `https://example.okta.com/oauth2/default`. Groups need a claim that its administrators add, or the scope `groups`.
 */
import type { OidcProvider } from '../provider.ts'
import { oidc } from './oidc.ts'

export const okta: OidcProvider = {
  ...oidc,
  id: 'okta',
  name: 'Okta',
  settings: oidc.settings.filter((setting) => setting !== 'allows_private'),
  secret: 'required',
  refresh: { scopes: ['offline_access'] },
}
