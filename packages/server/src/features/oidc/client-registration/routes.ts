/** The client registration endpoint (RFC 7591 §3, OpenID Connect Registration §3). */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described, textField, textList } from '../../../base/described.ts'
import { problem } from '../../../base/errors.ts'
import { protocol, type Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { prepareIdTokens, type RegisteredClient, registerClient } from '../clients/index.ts'
import { type AdmissionTools, assertMayRegister } from './admitted.ts'
import { BadMetadata, METADATA_MEMBERS, type MetadataPolicy, readMetadata } from './metadata.ts'
import { register } from './operations.ts'

export type RegistrationTools = Tools & AdmissionTools

/** What an app may have: nothing without a user where anyone may register one. */
const POLICIES: Readonly<Record<'stranger' | 'holder', MetadataPolicy>> = {
  stranger: {
    grants: ['authorization_code', 'refresh_token'],
    methods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    method: 'client_secret_basic',
    subjects: ['public', 'pairwise'],
  },
  holder: {
    grants: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
    methods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    method: 'client_secret_basic',
    subjects: ['public', 'pairwise'],
  },
}
const LONGEST_REGISTRATION = 32 * 1024
const UNNAMED = 'App'

/** A member whose value is judged by the rules of registrations, which have words of their standard for faults. */
const stated = (description: string, type: object, ...samples: unknown[]) =>
  z
    .unknown()
    .meta({ description, ...type, samples })
    .optional()
const TEXT = { type: 'string', maxLength: 8192 }
const TEXTS = { type: 'array', maxItems: 50, items: TEXT }

const Registration = z.object({
  client_name: stated('What users see; at most 80 characters.', TEXT, 'Acme Editor'),
  redirect_uris: stated('Where users return to.', TEXTS, ['https://editor.example.com/callback']),
  post_logout_redirect_uris: stated('Where users return to after they have signed out.', TEXTS),
  application_type: stated('`web` or `native`. Default: by the redirect URIs.', TEXT),
  grant_types: stated('Default: `authorization_code`. Others than the server permits are left out.', TEXTS, [
    'authorization_code',
    'refresh_token',
  ]),
  response_types: stated('Has to contain `code`.', TEXTS),
  token_endpoint_auth_method: stated('How the app proves who it is. Default: `client_secret_basic`.', TEXT, 'none'),
  token_endpoint_auth_signing_alg: stated('`private_key_jwt`: the only algorithm that is accepted.', TEXT),
  jwks: stated('`private_key_jwt`: the public keys of the app (RFC 7517).', { type: 'object' }),
  jwks_uri: stated('`private_key_jwt`: where they are, instead.', TEXT),
  scope: stated('Scopes of this server, separated by spaces. Default: all.', TEXT),
  id_token_signed_response_alg: stated('`RS256` (default) or `ES256`.', TEXT),
  subject_type: stated('How users are named to the app: `public` or `pairwise`.', TEXT),
  sector_identifier_uri: stated('Refused with `pairwise`: the sector is the host of the redirect URIs.', TEXT),
  default_max_age: stated('How old a sign-in may be, in seconds.', { type: 'integer', minimum: 0, maximum: 31_536_000 }),
  require_pushed_authorization_requests: stated('Whether requests are pushed first.', { type: 'boolean' }),
  dpop_bound_access_tokens: stated('Whether tokens are bound to a key.', { type: 'boolean' }),
  backchannel_logout_uri: stated('What is requested when a session ends.', TEXT),
  backchannel_logout_session_required: stated('Whether that names the session.', { type: 'boolean' }),
  logo_uri: stated('An image of the app.', TEXT),
  client_uri: stated('The page of the app.', TEXT),
  policy_uri: stated('Its privacy policy.', TEXT),
  tos_uri: stated('Its terms of service.', TEXT),
  contacts: stated('Addresses of those who answer for it.', TEXTS),
  initiate_login_uri: stated('Where a sign-in begins, when this server begins it.', TEXT),
}) // biome-ignore format: a table

const RegistrationView = z
  .looseObject({
    client_id: textField('What the app sends as `client_id`.', 'cli_0198c0de5a7b7e11b4c2d3e4f5a6b7c8'),
    client_id_issued_at: described(z.number().int(), 'When it was registered, in seconds.', 1_906_545_600),
    client_secret: textField('Its secret, in this answer only; absent where it has none.').optional(),
    client_secret_expires_at: described(z.number().int(), '0: the secret does not expire.', 0).optional(),
    client_name: textField('As it was registered.', 'Acme Editor'),
    redirect_uris: textList('As they were registered.', 'https://editor.example.com/callback'),
    grant_types: textList('What the app may use.', 'authorization_code', 'refresh_token'),
    response_types: textList('What the app may request at the authorization endpoint.', 'code'),
    token_endpoint_auth_method: textField('How it proves who it is.', 'none'),
    scope: textField('What it may request; absent: all scopes of this server.').optional(),
  })
  .meta({ id: 'RegisteredClient' })

export function clientRegistrationRoutes(tools: RegistrationTools): Row[] {
  return [
    protocol({
      of: register,
      method: 'POST',
      path: '/oidc/register',
      description:
        'Where `LATCHKEY_CLIENT_REGISTRATION` permits it (RFC 7591). With `token`, the field `Authorization` has an API key with `oauth_clients:write` as `Bearer`. Members that are not listed are ignored, and the answer has what was registered.',
      tag: 'OpenID Connect',
      message: 'App registered.',
      status: 201,
      takesJson: true,
      bodyLimit: LONGEST_REGISTRATION,
      input: Registration,
      output: RegistrationView,
      run: async (call, sent, { authorization }) => {
        const holder = await assertMayRegister(tools, call, authorization)
        const policy = POLICIES[holder === null ? 'stranger' : 'holder']
        const client = readSent(sent, policy)
        const registered = await tools.db.tx('system', (tx) => registerClient(tx, call, client, holder))
        // what a stranger could have caused is no fault of the server's
        if (registered === null)
          throw problem('UNAVAILABLE', { message: 'Too many apps have registered. Try again later.' })
        await prepareIdTokens(tools, registered.client)
        return { data: viewOf(call, registered, client), status: 201 }
      },
    }),
  ]
}

/** @throws Problem with an error of RFC 7591 §3.2.2 */
function readSent(
  sent: Readonly<Record<string, unknown>>,
  policy: MetadataPolicy,
): ReturnType<typeof readMetadata> {
  try {
    return readMetadata(sent, policy, UNNAMED)
  } catch (error) {
    if (!(error instanceof BadMetadata)) throw error
    throw problem('BAD_REQUEST', { protocolError: error.error, message: error.message })
  }
}

/** §3.2.1: all that was registered. */
function viewOf(
  { now }: Call,
  { client, secret }: RegisteredClient,
  { name, settings }: ReturnType<typeof readMetadata>,
): z.infer<typeof RegistrationView> {
  const { scopes, grant_types: grants } = settings
  const metadata = Object.entries(settings).filter(
    ([member, value]) => value !== null && METADATA_MEMBERS.has(member),
  )
  return {
    ...Object.fromEntries(metadata),
    client_id: client.row.id,
    client_id_issued_at: Math.floor(now.getTime() / 1000),
    ...(secret !== null && { client_secret: secret, client_secret_expires_at: 0 }),
    client_name: name,
    redirect_uris: settings.redirect_uris,
    grant_types: grants,
    response_types: grants.includes('authorization_code') ? ['code'] : [],
    token_endpoint_auth_method: settings.token_endpoint_auth_method,
    ...(scopes !== null && { scope: scopes.join(' ') }),
  }
}
