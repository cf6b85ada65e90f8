/**
 * Twitch (https://dev.twitch.tv/docs/authentication/getting-tokens-oidc/). Claims besides `sub` must be requested by the parameter `claims`;
 * the scope `user:read:email` permits the address. The client secret goes into the body.
 */
import { verifiedByClaim } from '../profile.ts'
import { COMMON_SETTINGS, type OidcProvider } from '../provider.ts'

const CLAIMS = { email: null, email_verified: null, preferred_username: null }

export const twitch: OidcProvider = {
  id: 'twitch',
  kind: 'oidc',
  name: 'Twitch',
  settings: COMMON_SETTINGS,
  required: [],
  secret: 'required',
  scopes: ['openid', 'user:read:email'],
  pkce: false,
  authentication: 'post',
  parameters: { claims: JSON.stringify({ id_token: CLAIMS, userinfo: CLAIMS }) },
  fresh: { force_verify: 'true' },
  nonce: true,
  discovery: () => 'https://id.twitch.tv/oauth2/.well-known/openid-configuration',
  documentIssuers: () => ['https://id.twitch.tv/oauth2'],
  profile: verifiedByClaim,
}
