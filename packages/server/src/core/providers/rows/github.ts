/**
 * GitHub, and GitHub Enterprise Server by its base URL
 * (https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps). It is not OpenID Connect: errors of
 * the token endpoint come with status 200, every request needs a User-Agent, the login may change and the numeric id does
 * not. PKCE with S256 since 2025-07-14; older servers ignore it. The profile's own address may be unverified and is not
 * read: /user/emails names the primary one. A GitHub App without the permission for addresses is refused there.
 */
import { addressOf, baseOf, claimText, isObject, membersOf, subjectOf } from '../profile.ts'
import { COMMON_SETTINGS, type OAuth2Provider } from '../provider.ts'
import type { ConnectionSettings } from '../settings.ts'

const HOME = 'https://github.com'

function apiOf(settings: ConnectionSettings): string {
  const base = baseOf(settings, HOME)
  return base === HOME ? 'https://api.github.com' : `${base}/api/v3`
}

export const github: OAuth2Provider = {
  id: 'github',
  kind: 'oauth2',
  name: 'GitHub',
  settings: [...COMMON_SETTINGS, 'base_url', 'allows_private'],
  required: [],
  secret: 'required',
  scopes: ['read:user', 'user:email'],
  pkce: true,
  authentication: 'post',
  issuer: (settings) => baseOf(settings, HOME),
  endpoints(settings) {
    const base = baseOf(settings, HOME)
    return {
      authorization: `${base}/login/oauth/authorize`,
      token: `${base}/login/oauth/access_token`,
    }
  },
  profileRequests: (settings) => [
    { url: `${apiOf(settings)}/user` },
    { url: `${apiOf(settings)}/user/emails`, optional: true },
  ],
  profile([profile, emails], { settings }) {
    const user = membersOf(profile)
    const primary = (Array.isArray(emails) ? emails : []).find((one) => isObject(one) && one.primary === true)
    const email = addressOf(membersOf(primary).email)
    return {
      subject: typeof user.id === 'number' ? subjectOf(user.id) : null,
      email,
      emailVerified:
        email !== null && settings.trusts_email !== false && membersOf(primary).verified === true,
      username: claimText(user.login, 100),
      fullName: claimText(user.name, 200),
      groups: null,
    }
  },
}
