/**
 * LinkedIn (https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2). The client secret goes
 * into the body; a code_verifier makes the token endpoint answer invalid_client; the ID token does not repeat the nonce
 * (linkedin-developers/linkedin-api-js-client#34); its issuer has been written with and without `/oauth`. The address is
 * optional. The scopes of before 2023 (`r_liteprofile`, `r_emailaddress`) are refused.
 */
import { verifiedByClaim } from '../profile.ts'
import { COMMON_SETTINGS, type OidcProvider } from '../provider.ts'

const ISSUERS = ['https://www.linkedin.com/oauth', 'https://www.linkedin.com']

export const linkedin: OidcProvider = {
  id: 'linkedin',
  kind: 'oidc',
  name: 'LinkedIn',
  settings: COMMON_SETTINGS,
  required: [],
  secret: 'required',
  scopes: ['openid', 'profile', 'email'],
  pkce: false,
  authentication: 'post',
  nonce: false,
  discovery: () => 'https://www.linkedin.com/oauth/.well-known/openid-configuration',
  documentIssuers: () => ISSUERS,
  tokenIssuers: () => ISSUERS,
  profile: verifiedByClaim,
}
