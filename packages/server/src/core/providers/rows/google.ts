/**
 * Google (https://developers.google.com/identity/openid-connect/openid-connect). `iss` comes with and without its scheme. It is
 * an authority for an address only where it is of gmail.com, or the account is of a Workspace (`hd`); other addresses may have
 * been taken over since Google verified them. The parameter `hd` is only a hint: the claim is what counts.
 */
import { FederationFault } from '../identity.ts'
import { claimText, isClaimedVerified, standardProfile } from '../profile.ts'
import { COMMON_SETTINGS, type OidcProvider } from '../provider.ts'

export const google: OidcProvider = {
  id: 'google',
  kind: 'oidc',
  name: 'Google',
  settings: [...COMMON_SETTINGS, 'allowed'],
  required: [],
  secret: 'required',
  scopes: ['openid', 'email', 'profile'],
  pkce: true,
  authentication: 'post',
  refresh: { parameters: { access_type: 'offline', prompt: 'consent' } },
  // `prompt=login` is refused
  fresh: { prompt: 'select_account' },
  nonce: true,
  discovery: () => 'https://accounts.google.com/.well-known/openid-configuration',
  documentIssuers: () => ['https://accounts.google.com'],
  tokenIssuers: () => ['https://accounts.google.com', 'accounts.google.com'],
  profile(claims, context) {
    const hosted = claimText(claims.hd, 253)?.toLowerCase() ?? null
    const { allowed = [] } = context.settings
    if (allowed.length > 0 && !allowed.some((domain) => domain.toLowerCase() === hosted))
      throw new FederationFault(
        'tenant_refused',
        hosted === null
          ? 'the account belongs to no Google Workspace'
          : `the account belongs to the Google Workspace ${hosted}, which is not among those allowed`,
      )
    const { trusts_email } = context.settings
    return standardProfile(
      claims,
      context,
      (email) =>
        isClaimedVerified(claims, email) &&
        (hosted !== null || /@gmail\.com$/i.test(email) || trusts_email === true),
    )
  },
}
