/**
 * The settings of clients as fields of the API, each with its meaning: the schemas are core/clients', the words are here.
 */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import { Instant, line } from '../../../base/fields.ts'
import { ID_PREFIXES } from '../../../base/ids.ts'
import { ClientSettings, PublicJwk } from '../../../core/clients/settings.ts'

const ABOUT: { readonly [K in keyof ClientSettings]: string } = {
  application_type: '`native`: an app on a device, whose redirect URIs may have schemes of apps, and any port of a loopback address. Default: `web`.',
  redirect_uris: 'Where users return to after they have signed in, compared as text. https; http only on 127.0.0.1, [::1] and localhost; of native apps also private-use schemes such as com.example.app:/callback (RFC 8252).',
  post_logout_redirect_uris: 'Where users return to after they have signed out, by the same rules.',
  grant_types: 'How the app gets tokens. Default: `authorization_code` and `refresh_token`.',
  token_endpoint_auth_method: 'How the app proves who it is. `none`: it cannot keep a secret, as an app in a browser or on a device. Default: `client_secret_basic`.',
  token_endpoint_auth_signing_alg: '`private_key_jwt`: the only algorithm that is accepted; null: any that is supported.',
  jwks: '`private_key_jwt`: the public keys of the app (RFC 7517).',
  jwks_uri: '`private_key_jwt`: where the public keys of the app are, instead of `jwks`.',
  scopes: 'The scopes that the app may request; null: those of this server (`openid`, `profile`, `email`, `address`, `phone`, `roles`, `organization`, `offline_access`), and none of an API.',
  id_token_signed_response_alg: 'How ID tokens are signed. Default: `RS256`; `ES256` is faster.',
  subject_type: '`pairwise`: the app knows each user by a `sub` that no app of another host or owner gets (OpenID Connect Core §8.1). It needs https redirect URIs of one host, and neither changes afterwards. Default: `public`.',
  sector_identifier_uri: 'Not supported: the sector of an app is the host of its redirect URIs. Always null.',
  first_party: 'Whether it is an app of the operator, for which users do not consent. Of the server only.',
  require_pkce: 'Whether an authorization request needs PKCE (RFC 7636). Default: true.',
  require_pushed_authorization_requests: 'Whether authorization requests are pushed first (RFC 9126). Default: false.',
  dpop_bound_access_tokens: 'Whether tokens are bound to a key of the app (RFC 9449). Default: false.',
  default_max_age: 'How old a sign-in may be at most, in seconds, where a request does not say; null: as old as the session.',
  required_acr: 'The level that a sign-in must reach; null: what the server and the organization demand.',
  allowed_roles: 'Only users with one of these roles may sign in; empty: all.',
  allowed_organizations: 'Only members of these organizations may sign in; empty: all users. The app of an organization is for its members in any case.',
  served_resources: 'The APIs that the app serves, by `identifier`: it may exchange tokens that were issued for these (RFC 8693). Default: none.',
  claims_in_id_token: 'Whether ID tokens contain what the scopes permit, for apps that do not call userinfo. Default: false.',
  backchannel_logout_uri: 'What is requested when a session ends in which the app has signed in; null: nothing.',
  backchannel_logout_session_required: 'Whether the app needs the session named in these requests (`sid`), which all of them do. Default: false.',
  logo_uri: 'An image that users see beside its name: a PNG of at most 256 × 256 pixels as a `data:image/png;base64,` address of at most 12,000 characters. An https address is kept, and not shown: pages load nothing from other hosts. Null: none.',
  client_uri: 'The page of the app.',
  policy_uri: 'Its privacy policy.',
  tos_uri: 'Its terms of service.',
  contacts: 'Addresses of those who answer for the app. Users do not see them.',
  initiate_login_uri: 'Where a sign-in to the app begins, when this server begins it.',
  access_token_lifetime: 'How long access tokens are valid, in seconds; null: as the server says.',
  token_claims: '`full`: access tokens of a `first_party` app without a `resource` have the roles, all permissions and the organization of the user. Default: `minimal`: `sub` and `scope`.',
} // biome-ignore format: a table

const SAMPLES: Partial<ClientSettings> = {
  redirect_uris: ['https://portal.example.com/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'client_secret_basic',
}

type Shape = typeof ClientSettings.shape
type Bare<T> = T extends z.ZodDefault<infer Inner> ? Inner : T

/** The members without their defaults, which apply to what is stored. */
const bare = Object.fromEntries(
  Object.entries(ClientSettings.shape).map(([name, schema]) => {
    const inner = schema.unwrap() as z.ZodType
    const description = ABOUT[name as keyof Shape]
    const sample = SAMPLES[name as keyof Shape]
    return [name, inner.meta({ description, samples: sample === undefined ? [] : [sample] })]
  }),
) as unknown as { [K in keyof Shape]: Bare<Shape[K]> }

const ABOUT_KEY: { readonly [K in keyof z.infer<typeof PublicJwk>]-?: string } = {
  kty: 'The type of the key.',
  kid: 'The id of the key, as assertions name it.',
  use: '`sig`, or absent.',
  alg: 'The algorithm that it is used with.',
  key_ops: 'What it is used for.',
  ext: 'As WebCrypto writes it; it has no effect.',
  crv: 'The curve.',
  x: 'The x coordinate, or the public key of Ed25519.',
  y: 'The y coordinate.',
  n: 'The modulus of RSA.',
  e: 'The exponent of RSA.',
  x5c: 'Its certificates. Not used.',
  x5u: 'Where its certificates are. Not used.',
  x5t: 'The SHA-1 of its certificate. Not used.',
  'x5t#S256': 'The SHA-256 of its certificate. Not used.',
}
const Key = z.strictObject(
  Object.fromEntries(
    Object.entries(PublicJwk.shape).map(([name, schema]) => [
      name,
      (schema as z.ZodType).meta({ description: ABOUT_KEY[name as keyof typeof ABOUT_KEY] }),
    ]),
  ) as unknown as typeof PublicJwk.shape,
)
const ABOUT_KEYS = 'The keys, at most 20.'

/** Settings of a new client or of a change: absent members stay, or have their default; null clears. */
export const SettingsInput = z
  .object({
    ...bare,
    jwks: z
      .strictObject({ keys: described(z.array(Key).min(1).max(20), ABOUT_KEYS) })
      .nullable()
      .meta({ description: ABOUT.jwks, samples: [] }),
  })
  .partial()
export type SettingsInput = z.infer<typeof SettingsInput>

const ANSWERED: ClientSettings = ClientSettings.parse(SAMPLES)

/** All members, as they are in an answer. */
export const SettingsView = z.object({
  ...(Object.fromEntries(
    Object.entries(bare).map(([name, schema]) => [
      name,
      (schema as z.ZodType).meta({
        description: ABOUT[name as keyof Shape],
        samples: [ANSWERED[name as keyof Shape]],
      }),
    ]),
  ) as typeof bare),
  jwks: described(
    z.object({ keys: described(z.array(z.record(z.string(), z.unknown())), ABOUT_KEYS, []) }).nullable(),
    ABOUT.jwks,
    null,
  ),
})

export const ClientId = z
  .string()
  .min(1)
  .max(2000)
  .meta({
    description: 'The app, by the `client_id` that it sends.',
    samples: ['acme-portal-001'],
  })

/** Not `cli_…`, which is generated, so that an id tells which of the two it is. */
export const ChosenClientId = z
  .string()
  .max(100)
  .regex(new RegExp(`^(?!(?:${ID_PREFIXES.join('|')})_)[A-Za-z0-9._-]{3,100}$`), {
    error: () =>
      'Use 3 to 100 letters, digits, dots, hyphens and underscores, not beginning as other ids do, such as cli_ and usr_.',
  })
  .meta({
    description: 'The `client_id` that the app sends. Default: a generated one, `cli_…`. It never changes.',
    samples: [],
  })

const ClientName = line(80).meta({ description: 'What users see.', samples: ['Acme Portal'] })
const ABOUT_SETTINGS = 'How the app signs users in, with the names of RFC 7591.'

export const SecretExpiry = Instant.nullable().optional().meta({
  description: 'When the secret expires; absent or null: never.',
  samples: [],
})

/** The fields of a new client of an organization. */
export const NewClientFields = z.object({
  name: ClientName,
  settings: SettingsInput.meta({ description: ABOUT_SETTINGS, samples: [SAMPLES] }),
  secret_expires_at: SecretExpiry,
})

/** The fields of a new client of the server. */
export const NewServerClientFields = NewClientFields.extend({ client_id: ChosenClientId.optional() })

/** The fields of a change; absent ones stay. */
export const ClientChangeFields = z.object({
  name: ClientName.optional(),
  settings: SettingsInput.optional().meta({
    description: `${ABOUT_SETTINGS} Absent members stay.`,
    samples: [SAMPLES],
  }),
  status: z
    .enum(['active', 'disabled'])
    .optional()
    .meta({ description: '`disabled`: it keeps its settings, and gets no tokens.', samples: ['active'] }),
})
