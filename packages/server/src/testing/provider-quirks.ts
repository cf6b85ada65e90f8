/**
 * How real identity providers behave, as data for the scripted fake (fake-provider.ts): written from their documentation and
 * not from core/providers, so that a row that is wrong about its provider fails its test.
 */
import type { ConnectionSettings, ProviderId } from '../core/providers/index.ts'

export type Claims = Record<string, unknown>

/** An authorization request, as far as the answers depend on it. */
export interface Granted {
  clientId: string
  scopes: readonly string[]
  parameters: Readonly<Record<string, string>>
}

export interface Quirks {
  /** Addresses as the provider documents them; the paths of `SELF` are on the fake's own origin. */
  authorize: string
  token: string
  discovery?: string
  jwks?: string
  userinfo?: string
  revocation?: string
  /** Of the discovery document. */
  issuer?: string
  /** Further members of the discovery document. */
  metadata?: Claims
  settings?: ConnectionSettings
  /** How the client must authenticate; any other way is refused. */
  client: 'basic' | 'post' | 'apple'
  pkce: 'required' | 'optional' | 'refused'
  /** Whether the ID token repeats the nonce. */
  nonce?: boolean
  formPost?: true
  /** The status of its errors. */
  errors: 200 | 400
  alg?: 'RS256' | 'ES256'
  user: Claims
  /** The claims of the ID token besides `aud`, `iat`, `exp` and the nonce. */
  idToken?(user: Claims, granted: Granted): Claims
  /** Answers of other addresses by the access token. */
  api: Record<string, (user: Claims, granted: Granted) => unknown>
  /** Scopes and parameters without which it refuses. */
  needs: { scopes: readonly string[]; parameters?: readonly string[] }
}

/** The origin of the fake, which is known when it listens. */
export const SELF = 'http://self.invalid'
export const TENANT = '11111111-2222-4333-8444-555555555555'

const ADA = { email: 'ada@example.com', name: 'Ada Lovelace', given_name: 'Ada', family_name: 'Lovelace' }
const PICTURE = 'https://pictures.example.com/ada.png'
const OPENID = { scopes: ['openid'] }

/** An issuer that puts the standard claims into the ID token. */
const standard = (issuer: string, path = issuer): Quirks => ({
  authorize: `${path}/authorize`,
  token: `${path}/token`,
  discovery: `${path.replace(/\/$/, '')}/.well-known/openid-configuration`,
  jwks: `${path}/keys`,
  userinfo: `${path}/userinfo`,
  revocation: `${path}/revoke`,
  issuer,
  client: 'post',
  pkce: 'optional',
  nonce: true,
  errors: 400,
  alg: 'RS256',
  user: { sub: 'ada-1', ...ADA, email_verified: true, picture: PICTURE },
  idToken: (user) => ({ iss: issuer, ...user }),
  api: {},
  needs: OPENID,
})

const MICROSOFT = 'https://login.microsoftonline.com'
const microsoft = (authority: string, issuer: string): Quirks => ({
  ...standard(issuer, `${MICROSOFT}/${authority}/v2.0`),
  userinfo: 'https://graph.microsoft.com/oidc/userinfo',
  user: { sub: 'pairwise-ada', tid: TENANT, oid: 'oid-ada', preferred_username: ADA.email, ...ADA },
  idToken: (user) => ({ iss: `${MICROSOFT}/${user.tid}/v2.0`, ver: '2.0', ...user }),
  settings: { tenant: authority },
})

export const QUIRKS: Record<Exclude<ProviderId, 'saml'>, Quirks> = {
  google: {
    ...standard('https://accounts.google.com'),
    authorize: 'https://accounts.google.com/o/oauth2/v2/auth',
    token: 'https://oauth2.googleapis.com/token',
    jwks: 'https://www.googleapis.com/oauth2/v3/certs',
    userinfo: 'https://openidconnect.googleapis.com/v1/userinfo',
    revocation: 'https://oauth2.googleapis.com/revoke',
    user: { sub: '108020304', ...ADA, email_verified: true, hd: 'example.com', picture: PICTURE },
  },
  microsoft: microsoft('common', `${MICROSOFT}/{tenantid}/v2.0`),
  entra: microsoft(TENANT, `${MICROSOFT}/${TENANT}/v2.0`),
  github: {
    authorize: 'https://github.com/login/oauth/authorize',
    token: 'https://github.com/login/oauth/access_token',
    client: 'post',
    pkce: 'optional',
    errors: 200,
    user: { id: 583231, login: 'ada', name: ADA.name, email: 'public@example.com', avatar_url: PICTURE },
    api: {
      'https://api.github.com/user': (user) => ({ ...user, emails: undefined }),
      'https://api.github.com/user/emails': (user) =>
        user.emails ?? [
          { email: 'old@example.com', primary: false, verified: true },
          { email: ADA.email, primary: true, verified: true },
        ],
    },
    needs: { scopes: ['user:email'] },
  },
  apple: {
    ...standard('https://appleid.apple.com'),
    authorize: 'https://appleid.apple.com/auth/authorize',
    token: 'https://appleid.apple.com/auth/token',
    jwks: 'https://appleid.apple.com/auth/keys',
    client: 'apple',
    formPost: true,
    settings: { team_id: 'TEAM123456', key_id: 'KEY1234567' },
    metadata: { userinfo_endpoint: undefined, revocation_endpoint: undefined },
    revocation: 'https://appleid.apple.com/auth/revoke',
    user: {
      sub: '001999.ada',
      email: 'x1@privaterelay.appleid.com',
      email_verified: 'true',
      is_private_email: 'true',
    },
    idToken: ({ sub, email, email_verified, is_private_email }) => ({
      iss: 'https://appleid.apple.com', sub, email, email_verified, is_private_email, nonce_supported: true,
    }), // biome-ignore format: a list
    needs: { scopes: ['openid', 'name', 'email'] },
  },
  gitlab: {
    ...standard('https://gitlab.com'),
    authorize: 'https://gitlab.com/oauth/authorize',
    token: 'https://gitlab.com/oauth/token',
    jwks: 'https://gitlab.com/oauth/discovery/keys',
    userinfo: 'https://gitlab.com/oauth/userinfo',
    user: {
      sub: '42',
      ...ADA,
      email_verified: true,
      preferred_username: 'ada',
      groups: ['engines', 'engines/difference'],
    },
    // groups are of the userinfo endpoint alone
    idToken: ({ groups: _, ...user }) => ({ iss: 'https://gitlab.com', ...user }),
  },
  discord: {
    authorize: 'https://discord.com/oauth2/authorize',
    token: 'https://discord.com/api/oauth2/token',
    revocation: 'https://discord.com/api/oauth2/token/revoke',
    client: 'post',
    pkce: 'optional',
    errors: 400,
    user: {
      id: '80351110224678912',
      username: 'ada',
      global_name: 'Ada',
      email: ADA.email,
      verified: true,
      locale: 'en-GB',
    },
    api: { 'https://discord.com/api/users/@me': (user) => user },
    needs: { scopes: ['identify', 'email'] },
  },
  slack: {
    ...standard('https://slack.com'),
    authorize: 'https://slack.com/openid/connect/authorize',
    token: 'https://slack.com/api/openid.connect.token',
    jwks: 'https://slack.com/openid/connect/keys',
    userinfo: 'https://slack.com/api/openid.connect.userInfo',
    pkce: 'refused',
    errors: 200,
    user: {
      sub: 'U0R7MFMJM', ...ADA, email_verified: true,
      'https://slack.com/team_id': 'T0RR', 'https://slack.com/user_id': 'U0R7MFMJM',
    }, // biome-ignore format: a list
  },
  linkedin: {
    ...standard('https://www.linkedin.com/oauth'),
    authorize: 'https://www.linkedin.com/oauth/v2/authorization',
    token: 'https://www.linkedin.com/oauth/v2/accessToken',
    jwks: 'https://www.linkedin.com/oauth/openid/jwks',
    userinfo: 'https://api.linkedin.com/v2/userinfo',
    pkce: 'refused',
    nonce: false,
    user: { sub: '782bbtaQ', ...ADA, email_verified: true },
    idToken: (user) => ({ iss: 'https://www.linkedin.com', ...user }),
    needs: { scopes: ['openid', 'profile'] },
  },
  facebook: {
    authorize: 'https://www.facebook.com/dialog/oauth',
    token: 'https://graph.facebook.com/oauth/access_token',
    client: 'post',
    pkce: 'optional',
    errors: 400,
    user: { id: '10158', name: ADA.name, email: ADA.email, picture: { data: { url: PICTURE } } },
    api: { 'https://graph.facebook.com/me': (user) => user },
    needs: { scopes: ['email'] },
  },
  x: {
    authorize: 'https://x.com/i/oauth2/authorize',
    token: 'https://api.x.com/2/oauth2/token',
    revocation: 'https://api.x.com/2/oauth2/revoke',
    client: 'basic',
    pkce: 'required',
    errors: 400,
    user: { id: '2244994945', username: 'ada', name: ADA.name, confirmed_email: ADA.email },
    api: {
      'https://api.x.com/2/users/me': (user, { scopes }) => ({
        data: { ...user, confirmed_email: scopes.includes('users.email') ? user.confirmed_email : undefined },
      }),
    },
    needs: { scopes: ['users.read', 'tweet.read'] },
  },
  twitch: {
    ...standard('https://id.twitch.tv/oauth2'),
    authorize: 'https://id.twitch.tv/oauth2/authorize',
    token: 'https://id.twitch.tv/oauth2/token',
    jwks: 'https://id.twitch.tv/oauth2/keys',
    userinfo: 'https://id.twitch.tv/oauth2/userinfo',
    user: {
      sub: '713936733',
      email: ADA.email,
      email_verified: true,
      preferred_username: 'Ada',
      picture: PICTURE,
    },
    // only what the parameter `claims` names
    idToken(user, { parameters, scopes }) {
      const named = Object.keys(JSON.parse(parameters.claims ?? '{}').id_token ?? {})
      const permitted = named.filter(
        (name) => !name.startsWith('email') || scopes.includes('user:read:email'),
      )
      const claims = Object.fromEntries(permitted.map((name) => [name, user[name]]))
      return { iss: 'https://id.twitch.tv/oauth2', sub: user.sub, azp: 'the client', ...claims }
    },
  },
  okta: {
    ...standard(`${SELF}/okta/oauth2/default`),
    client: 'basic',
    settings: { issuer: `${SELF}/okta/oauth2/default` },
  },
  auth0: {
    ...standard(`${SELF}/auth0/`, `${SELF}/auth0`),
    // as administrators copy it, without the slash
    settings: { issuer: `${SELF}/auth0` },
  },
  keycloak: {
    ...standard(`${SELF}/realms/engines`),
    client: 'basic',
    alg: 'ES256',
    settings: { issuer: `${SELF}/realms/engines`, attributes: { groups: 'realm_access.roles' } },
    user: { sub: 'f:1:ada', ...ADA, email_verified: true, realm_access: { roles: ['engineer', 'admin'] } },
  },
  oidc: {
    ...standard(`${SELF}/issuer`),
    client: 'basic',
    pkce: 'required',
    settings: { issuer: `${SELF}/issuer` },
    metadata: { authorization_response_iss_parameter_supported: true },
    // as an issuer with thin ID tokens
    idToken: ({ sub }) => ({ iss: `${SELF}/issuer`, sub }),
  },
}
