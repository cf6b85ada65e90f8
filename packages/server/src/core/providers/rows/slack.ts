/**
 * Slack (https://docs.slack.dev/authentication/sign-in-with-slack). Errors of its methods come with status 200 and `ok: false`. A user
 * id is that of a workspace, so that the subject is team and user. PKCE is left out: its token method has refused a
 * code_verifier beside the client secret (2026-07); nonce, state and the secret bind the code.
 */
import { subjectOf, verifiedByClaim } from '../profile.ts'
import { COMMON_SETTINGS, type OidcProvider } from '../provider.ts'

const TEAM = 'https://slack.com/team_id'
const USER = 'https://slack.com/user_id'

export const slack: OidcProvider = {
  id: 'slack',
  kind: 'oidc',
  name: 'Slack',
  settings: COMMON_SETTINGS,
  required: [],
  secret: 'required',
  scopes: ['openid', 'email', 'profile'],
  pkce: false,
  authentication: 'post',
  nonce: true,
  discovery: () => 'https://slack.com/.well-known/openid-configuration',
  documentIssuers: () => ['https://slack.com'],
  profile(claims, context) {
    const [team, user] = [subjectOf(claims[TEAM]), subjectOf(claims[USER] ?? claims.sub)]
    const subject = team !== null && user !== null ? `${team}.${user}` : null
    return { ...verifiedByClaim(claims, context), subject }
  },
}
