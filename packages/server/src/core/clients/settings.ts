/**
 * The settings of a client: the schema of what is stored, with the member names of RFC 7591 §2 and of OpenID Connect
 * Registration §2 where these have one. Every member is bounded, because organizations and the apps of others set them.
 * Leaves what members mean together to rules.ts.
 */
import { z } from 'zod'
import { JWS_ALGORITHMS } from '../../base/jws.ts'
import { isLogo, LONGEST_LOGO } from './logos.ts'
import { LONGEST_REDIRECT_URI } from './redirect-uris.ts'

export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
] as const
export type GrantType = (typeof GRANT_TYPES)[number]

export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const
export type AuthMethod = (typeof AUTH_METHODS)[number]

export const ID_TOKEN_ALGORITHMS = ['RS256', 'ES256'] as const

/** The scopes that this server defines; all others are those of resources. */
export const STANDARD_SCOPES = [
  'openid',
  'profile',
  'email',
  'address',
  'phone',
  'roles',
  'organization',
  'offline_access',
] as const

/** RFC 6749 §3.3. */
export const ScopeName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, {
    error: () => 'Use visible ASCII characters without spaces, quotes and backslashes.',
  })

/** A page or an endpoint of the app: https, or http on this machine. */
export const AppUrl = z
  .string()
  .max(2000)
  .refine(isAppUrl, { error: () => 'Use an https address without user name, password and fragment.' })

const LogoUri = z
  .string()
  .max(LONGEST_LOGO)
  .refine((text) => isLogo(text) || AppUrl.safeParse(text).success, {
    error: () =>
      `Use a data:image/png;base64 address of at most ${LONGEST_LOGO} characters and 256 × 256 pixels, or an https address.`,
  })

function isAppUrl(text: string): boolean {
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes('#') || !URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  const isLocal = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  return username === '' && password === '' && (protocol === 'https:' || (protocol === 'http:' && isLocal))
}

/** Which ones may be registered is a rule of redirect-uris.ts, because it depends on `application_type`. */
const RedirectUri = z.string().min(1).max(LONGEST_REDIRECT_URI)

const Base64 = z
  .string()
  .max(1400)
  .regex(/^[A-Za-z0-9_+/=-]+$/)
  .optional()
const Token = z.string().min(1).max(200).optional()
/** A public key of RFC 7517 §4 and RFC 7518 §6; rules.ts reads it. The private members are unknown here. */
export const PublicJwk = z.strictObject({
  kty: z.enum(['RSA', 'EC', 'OKP']),
  kid: Token,
  use: Token,
  alg: Token,
  key_ops: z.array(z.string().max(20)).max(10).optional(),
  /** WebCrypto writes it into every key. */
  ext: z.boolean().optional(),
  crv: Token,
  x: Base64,
  y: Base64,
  n: Base64,
  e: Base64,
  x5c: z.array(z.string().max(4000)).max(5).optional(),
  x5u: Token,
  x5t: Token,
  'x5t#S256': Token,
})

const roleName = z.string().min(1).max(64)

export const ClientSettings = z.strictObject({
  application_type: z.enum(['web', 'native']).default('web'),
  redirect_uris: z.array(RedirectUri).max(50).default([]),
  post_logout_redirect_uris: z.array(RedirectUri).max(50).default([]),
  grant_types: z.array(z.enum(GRANT_TYPES)).min(1).max(GRANT_TYPES.length).default(['authorization_code', 'refresh_token']),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).default('client_secret_basic'),
  token_endpoint_auth_signing_alg: z.enum(JWS_ALGORITHMS).nullable().default(null),
  jwks: z.strictObject({ keys: z.array(PublicJwk).min(1).max(20) }).nullable().default(null),
  jwks_uri: AppUrl.nullable().default(null),
  scopes: z.array(ScopeName).max(100).nullable().default(null),
  id_token_signed_response_alg: z.enum(ID_TOKEN_ALGORITHMS).default('RS256'),
  subject_type: z.enum(['public', 'pairwise']).default('public'),
  sector_identifier_uri: AppUrl.nullable().default(null),
  first_party: z.boolean().default(false),
  require_pkce: z.boolean().default(true),
  require_pushed_authorization_requests: z.boolean().default(false),
  dpop_bound_access_tokens: z.boolean().default(false),
  default_max_age: z.number().int().min(0).max(31_536_000).nullable().default(null),
  required_acr: z.enum(['aal1', 'aal2']).nullable().default(null),
  allowed_roles: z.array(roleName).max(100).default([]),
  allowed_organizations: z.array(z.string().min(1).max(64)).max(100).default([]),
  served_resources: z.array(z.string().min(1).max(2000)).max(20).default([]),
  claims_in_id_token: z.boolean().default(false),
  backchannel_logout_uri: AppUrl.nullable().default(null),
  backchannel_logout_session_required: z.boolean().default(false),
  logo_uri: LogoUri.nullable().default(null),
  client_uri: AppUrl.nullable().default(null),
  policy_uri: AppUrl.nullable().default(null),
  tos_uri: AppUrl.nullable().default(null),
  contacts: z.array(z.string().min(1).max(320).regex(/^[^\p{Cc}]+$/u)).max(20).default([]),
  initiate_login_uri: AppUrl.nullable().default(null),
  access_token_lifetime: z.number().int().min(60).max(86_400).nullable().default(null),
  token_claims: z.enum(['minimal', 'full']).default('minimal'),
}) // biome-ignore format: a table
export type ClientSettings = z.infer<typeof ClientSettings>
export type ClientSetting = keyof ClientSettings

/** What a client without any setting may do: nothing that begins at a browser, because it has no redirect URI. */
const NO_SETTINGS: ClientSettings = ClientSettings.parse({})

/**
 * The settings of a stored client, and the members that cannot be read, such as those that a newer version has written: with any
 * of them the client is not used, because it could be one that restricts it.
 */
export function readClientSettings(stored: unknown): {
  settings: ClientSettings
  unreadable: readonly string[]
} {
  const whole = ClientSettings.safeParse(stored)
  if (whole.success) return { settings: whole.data, unreadable: [] }
  const members = typeof stored === 'object' && stored !== null ? Object.entries(stored) : []
  const shape: Readonly<Record<string, z.ZodType>> = ClientSettings.shape
  const isReadable = ([name, value]: [string, unknown]): boolean =>
    Object.hasOwn(shape, name) && shape[name]?.safeParse(value).success === true
  const readable = ClientSettings.safeParse(Object.fromEntries(members.filter(isReadable)))
  const unreadable = members.flatMap((member) => (isReadable(member) ? [] : [member[0]]))
  return {
    settings: readable.data ?? NO_SETTINGS,
    unreadable: unreadable.length > 0 ? unreadable : ['settings'],
  }
}
