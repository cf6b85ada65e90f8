/**
 * GitLab, gitlab.com or self-hosted (https://docs.gitlab.com/integration/openid_connect_provider/). The scopes of OpenID Connect are
 * enough; `read_user` would give access to its API. Groups are full paths, in the userinfo endpoint's `groups`.
 */
import { baseOf, discoveryOf, verifiedByClaim, verifiedWhereTrusted } from '../profile.ts'
import { GENERIC_SETTINGS, type OidcProvider, SIGN_IN_AGAIN } from '../provider.ts'

const HOME = 'https://gitlab.com'

export const gitlab: OidcProvider = {
  id: 'gitlab',
  kind: 'oidc',
  name: 'GitLab',
  settings: [...GENERIC_SETTINGS, 'base_url'],
  required: [],
  secret: 'required',
  scopes: ['openid', 'email', 'profile'],
  pkce: true,
  authentication: 'post',
  fresh: SIGN_IN_AGAIN,
  nonce: true,
  discovery: (settings) => discoveryOf(baseOf(settings, HOME)),
  documentIssuers: (settings) => [baseOf(settings, HOME)],
  // a self-hosted one is like any other issuer
  profile: (claims, context) =>
    baseOf(context.settings, HOME) === HOME
      ? verifiedByClaim(claims, context)
      : verifiedWhereTrusted(claims, context),
}
