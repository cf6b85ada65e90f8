/**
 * Discord (https://discord.com/developers/docs/topics/oauth2). Its profile says whether the address is verified; names are not
 * unique, ids are.
 */
import { addressOf, claimText, membersOf, subjectOf } from '../profile.ts'
import { COMMON_SETTINGS, type OAuth2Provider } from '../provider.ts'

export const discord: OAuth2Provider = {
  id: 'discord',
  kind: 'oauth2',
  name: 'Discord',
  settings: COMMON_SETTINGS,
  required: [],
  secret: 'required',
  scopes: ['identify', 'email'],
  pkce: true,
  authentication: 'post',
  issuer: () => 'https://discord.com',
  endpoints: () => ({
    authorization: 'https://discord.com/oauth2/authorize',
    token: 'https://discord.com/api/oauth2/token',
    revocation: 'https://discord.com/api/oauth2/token/revoke',
  }),
  profileRequests: () => [{ url: 'https://discord.com/api/users/@me' }],
  profile([answer], { settings }) {
    const user = membersOf(answer)
    const subject = subjectOf(user.id)
    const email = addressOf(user.email)
    return {
      subject,
      email,
      emailVerified: email !== null && settings.trusts_email !== false && user.verified === true,
      username: claimText(user.username, 100),
      fullName: claimText(user.global_name, 200),
      groups: null,
    }
  },
}
