/**
 * Apple (https://developer.apple.com/documentation/signinwithapplerestapi). With the scopes `name` and `email` the answer must be a
 * form_post. The client secret is a JWT signed with the team's key (ES256); one of five minutes is made for each call.
 * Apple verifies every address, says so as a boolean or a text, and may hide it behind a relay (`is_private_email`). The name
 * comes once, unsigned, in the parameter `user`: it is displayed, and proves nothing. There is no userinfo endpoint. Tokens
 * are revoked at `/auth/revoke`, which Apple requires at the deletion of an account (TN3194).
 */
import { addressOf, membersOf, standardProfile, wholeName } from '../profile.ts'
import { COMMON_SETTINGS, type OidcProvider } from '../provider.ts'

export const apple: OidcProvider = {
  id: 'apple',
  kind: 'oidc',
  name: 'Apple',
  settings: [...COMMON_SETTINGS, 'team_id', 'key_id'],
  required: ['team_id', 'key_id'],
  secret: 'key',
  scopes: ['openid', 'name', 'email'],
  pkce: true,
  authentication: 'apple',
  responseMode: 'form_post',
  nonce: true,
  discovery: () => 'https://appleid.apple.com/.well-known/openid-configuration',
  documentIssuers: () => ['https://appleid.apple.com'],
  revocation: 'https://appleid.apple.com/auth/revoke',
  profile: (claims, context) =>
    standardProfile(claims, context, (email) => email === addressOf(claims.email)),
  unsignedName({ user = '' }) {
    if (user.length > 4000) return null
    try {
      const { firstName, lastName } = membersOf(membersOf(JSON.parse(user)).name)
      return wholeName(undefined, firstName, lastName)
    } catch {
      return null
    }
  },
}
