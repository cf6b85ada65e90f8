/**
 * Keycloak (https://www.keycloak.org/securing-apps/oidc-layers). The issuer is that of a realm, `https://…/realms/NAME`. Groups need a
 * mapper; roles of the realm are in `realm_access.roles`, which the attribute `groups` can name.
 */
import type { OidcProvider } from '../provider.ts'
import { oidc } from './oidc.ts'

export const keycloak: OidcProvider = {
  ...oidc,
  id: 'keycloak',
  name: 'Keycloak',
  refresh: { scopes: ['offline_access'] },
}
