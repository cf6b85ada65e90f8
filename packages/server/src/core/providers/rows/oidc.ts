/** Any issuer of OpenID Connect, by its discovery document. */
import { discoveryOf, issuersOf, verifiedWhereTrusted } from '../profile.ts'
import { GENERIC_SETTINGS, type OidcProvider, SIGN_IN_AGAIN } from '../provider.ts'

export const oidc: OidcProvider = {
  id: 'oidc',
  kind: 'oidc',
  name: 'OpenID Connect',
  settings: [...GENERIC_SETTINGS, 'issuer'],
  required: ['issuer'],
  // a public client has PKCE alone
  secret: 'optional',
  scopes: ['openid', 'email', 'profile'],
  pkce: true,
  authentication: 'discovered',
  refresh: { scopes: ['offline_access'], parameters: { prompt: 'consent' } },
  fresh: SIGN_IN_AGAIN,
  nonce: true,
  discovery: ({ issuer = '' }) => discoveryOf(issuer),
  documentIssuers: issuersOf,
  profile: verifiedWhereTrusted,
}
