/**
 * X (https://docs.x.com/resources/fundamentals/authentication/oauth-2-0/authorization-code). PKCE is mandatory, and the client authenticates by
 * Basic. `tweet.read` is needed for /2/users/me. The address comes as `confirmed_email` since 2025-04, with the scope
 * `users.email` and where the app requests addresses; X confirms it before it shows it.
 */
import { addressOf, claimText, membersOf, subjectOf } from '../profile.ts'
import { COMMON_SETTINGS, type OAuth2Provider } from '../provider.ts'

export const x: OAuth2Provider = {
  id: 'x',
  kind: 'oauth2',
  name: 'X',
  settings: COMMON_SETTINGS,
  required: [],
  secret: 'required',
  scopes: ['users.read', 'tweet.read', 'users.email'],
  pkce: true,
  authentication: 'basic',
  refresh: { scopes: ['offline.access'] },
  issuer: () => 'https://x.com',
  endpoints: () => ({
    authorization: 'https://x.com/i/oauth2/authorize',
    token: 'https://api.x.com/2/oauth2/token',
    revocation: 'https://api.x.com/2/oauth2/revoke',
  }),
  profileRequests: () => [
    { url: 'https://api.x.com/2/users/me?user.fields=confirmed_email,profile_image_url,username,name' },
  ],
  profile([answer], { settings }) {
    const user = membersOf(membersOf(answer).data)
    const email = addressOf(user.confirmed_email)
    return {
      subject: subjectOf(user.id),
      email,
      emailVerified: email !== null && settings.trusts_email !== false,
      username: claimText(user.username, 100),
      fullName: claimText(user.name, 200),
      groups: null,
    }
  },
}
