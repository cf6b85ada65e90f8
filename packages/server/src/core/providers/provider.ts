/**
 * The row of a provider: what is particular about it, as data and pure functions. What every provider has in common is in
 * signin/upstream (OpenID Connect, OAuth 2) and signin/saml.
 *
 * Invariant: the key of an identity is (issuer, subject). An address is only as good as `emailVerified` says.
 */
import type { UserProfile } from '../user-profile.ts'
import type { ConnectionSettings } from './settings.ts'

export const PROVIDER_IDS = [
  'google', 'microsoft', 'github', 'apple', 'gitlab', 'discord', 'slack', 'linkedin', 'facebook', 'x', 'twitch',
  'okta', 'auth0', 'keycloak', 'entra', 'oidc', 'saml',
] as const // biome-ignore format: a list
export type ProviderId = (typeof PROVIDER_IDS)[number]

export type ConnectionSetting = keyof ConnectionSettings

/** Claims of an ID token or members of a profile, as the provider sent them. */
export type Claims = Readonly<Record<string, unknown>>

/** What a row's `profile` may know besides the claims. */
export interface ProfileContext {
  settings: ConnectionSettings
  /** Whether the address is of a verified domain of the connection's organization; false for a server-wide connection. */
  isOwnDomain(email: string): boolean
}

/** What a provider says about a user, read by its row. */
export interface ProviderProfile {
  subject: string | null
  email: string | null
  emailVerified: boolean
  username: string | null
  fullName: string | null
  /** What it says besides that has the form of a profile here; absent: nothing. */
  stated?: UserProfile
  /** Null: it does not say. */
  groups: readonly string[] | null
}

interface Row {
  id: ProviderId
  /** What people call it. */
  name: string
  /** The settings of its connections besides the client id and secret. */
  settings: readonly ConnectionSetting[]
  /** Those of them that a connection needs before it can be used. */
  required: readonly ConnectionSetting[]
  /** Whether a connection needs a secret: the client secret, or (`key`) the private key that one is made with, as PEM. */
  secret: 'required' | 'optional' | 'key' | 'none'
}

export interface SamlProvider extends Row {
  kind: 'saml'
}

interface OAuthRow extends Row {
  /** Requested always, before those of the connection's settings. */
  scopes: readonly string[]
  /** PKCE with S256 (RFC 7636). */
  pkce: boolean
  /**
   * How the client authenticates at the token endpoint. `basic` and `post`: RFC 6749 §2.3.1; `discovered`: one of them, as
   * the provider's metadata says; `apple`: in the body, with a secret that is a signed JWT.
   */
  authentication: 'basic' | 'post' | 'discovered' | 'apple'
  /** Further parameters of every authorization request. */
  parameters?: Readonly<Record<string, string>>
  /** What is requested besides where the connection keeps the provider's tokens, so that there is a refresh token. */
  refresh?: { scopes?: readonly string[]; parameters?: Readonly<Record<string, string>> }
  /** Parameters by which the user proves their identity again, although the provider has a session of theirs. */
  fresh?: Readonly<Record<string, string>>
  /** `form_post`: the answer is a POST from the provider's site, which comes without Lax cookies. Default: the query. */
  responseMode?: 'form_post'
}

export interface OidcProvider extends OAuthRow {
  kind: 'oidc'
  /** The discovery document (OpenID Connect Discovery §4). */
  discovery(settings: ConnectionSettings): string
  /** The issuers that the document may state. */
  documentIssuers(settings: ConnectionSettings): readonly string[]
  /** The values of `iss` that are accepted in this ID token; the first is the issuer of the identity. Default: the document's. */
  tokenIssuers?(claims: Claims, documentIssuer: string): readonly string[]
  /** False where the ID token does not repeat the nonce; the code is then bound by `state` and the client secret. */
  nonce: boolean
  /** Where tokens are revoked (RFC 7009), if the discovery document does not say it. */
  revocation?: string
  /** @throws FederationFault where the user may not sign in by this connection */
  profile(claims: Claims, context: ProfileContext): ProviderProfile
  /** A name in the parameters of the answer, which is unsigned: only for display. */
  unsignedName?(parameters: Readonly<Record<string, string | undefined>>): string | null
}

/** A request for a part of the profile, by the access token. */
export interface ProfileRequest {
  url: string
  /** What it is without it is null: the provider may refuse it where the client lacks a permission. */
  optional?: true
}

export interface OAuth2Provider extends OAuthRow {
  kind: 'oauth2'
  /** The issuer of its identities; no token states it. */
  issuer(settings: ConnectionSettings): string
  endpoints(settings: ConnectionSettings): { authorization: string; token: string; revocation?: string }
  profileRequests(
    settings: ConnectionSettings,
    secrets: { accessToken: string; clientSecret: string },
  ): readonly ProfileRequest[]
  /** @param answers those of `profileRequests`, in their order */
  profile(answers: readonly unknown[], context: ProfileContext): ProviderProfile
}

export type UpstreamProvider = OidcProvider | OAuth2Provider
export type Provider = UpstreamProvider | SamlProvider

/** What OpenID Connect Core §3.1.2.1 has for `fresh`. */
export const SIGN_IN_AGAIN = { prompt: 'login', max_age: '0' } as const

/** Settings of every provider. */
export const COMMON_SETTINGS = [
  'scopes', 'default_role', 'registers', 'links_silently', 'trusts_email', 'trusts_mfa', 'keeps_tokens',
] as const satisfies readonly ConnectionSetting[] // biome-ignore format: a list

/** Settings of providers that an organization runs or configures itself. */
export const GENERIC_SETTINGS = [
  ...COMMON_SETTINGS, 'attributes', 'group_roles', 'allows_private',
] as const satisfies readonly ConnectionSetting[] // biome-ignore format: a list
