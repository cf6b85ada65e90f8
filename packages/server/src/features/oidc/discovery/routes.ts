/**
 * Discovery: what apps and APIs have to know of this server (OpenID Connect Discovery §3, RFC 8414). One document at two places; it
 * has members of the standards alone.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { ACRS } from '../../../base/assurance.ts'
import { LOCALES } from '../../../base/call.ts'
import { textField } from '../../../base/described.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { JWS_ALGORITHMS } from '../../../base/jws.ts'
import type { Config } from '../../../config.ts'
import { STANDARD_SCOPES } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { DEVICE_GRANT } from '../device/index.ts'
import { DPOP_ALGORITHMS } from '../dpop/index.ts'
import { EXCHANGE_GRANT } from '../exchange/index.ts'
import { KNOWN_CLAIMS } from '../scopes/index.ts'

const discover = operation({
  name: 'oidc.discovery',
  summary: 'Read the metadata of this server',
  open: 'apps read it before they know anything else',
  quiet: 'reads only',
  limit: { by: 'ip', max: 600, per: '1m' },
})

/** How apps prove who they are. */
const PROVING = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']

type DiscoveryConfig = Pick<Config, 'publicUrl' | 'clientIdDocuments' | 'clientRegistration'>

const metadataOf = ({ publicUrl, clientIdDocuments, clientRegistration }: DiscoveryConfig) => ({
  issuer: publicUrl,
  authorization_endpoint: `${publicUrl}/oidc/authorize`,
  token_endpoint: `${publicUrl}/oidc/token`,
  userinfo_endpoint: `${publicUrl}/oidc/userinfo`,
  jwks_uri: `${publicUrl}/oidc/jwks`,
  end_session_endpoint: `${publicUrl}/oidc/logout`,
  device_authorization_endpoint: `${publicUrl}/oidc/device_authorization`,
  introspection_endpoint: `${publicUrl}/oidc/introspect`,
  revocation_endpoint: `${publicUrl}/oidc/revoke`,
  pushed_authorization_request_endpoint: `${publicUrl}/oidc/par`,
  require_pushed_authorization_requests: false,
  ...(clientRegistration !== 'off' && { registration_endpoint: `${publicUrl}/oidc/register` }),
  // draft-ietf-oauth-client-id-metadata-document §6
  ...(clientIdDocuments !== 'off' && { client_id_metadata_document_supported: true }),
  scopes_supported: [...STANDARD_SCOPES],
  response_types_supported: ['code'],
  response_modes_supported: ['query', 'form_post'],
  grant_types_supported: [
    'authorization_code',
    'refresh_token',
    'client_credentials',
    DEVICE_GRANT,
    EXCHANGE_GRANT,
  ],
  subject_types_supported: ['public', 'pairwise'],
  id_token_signing_alg_values_supported: ['RS256', 'ES256'],
  token_endpoint_auth_methods_supported: [...PROVING, 'none'],
  token_endpoint_auth_signing_alg_values_supported: [...JWS_ALGORITHMS],
  introspection_endpoint_auth_methods_supported: PROVING,
  introspection_endpoint_auth_signing_alg_values_supported: [...JWS_ALGORITHMS],
  revocation_endpoint_auth_methods_supported: [...PROVING, 'none'],
  revocation_endpoint_auth_signing_alg_values_supported: [...JWS_ALGORITHMS],
  code_challenge_methods_supported: ['S256'],
  dpop_signing_alg_values_supported: [...DPOP_ALGORITHMS],
  acr_values_supported: [...ACRS],
  claim_types_supported: ['normal'],
  claims_supported: [
    'sub',
    'iss',
    'aud',
    'exp',
    'iat',
    'auth_time',
    'nonce',
    'acr',
    'amr',
    'sid',
    ...KNOWN_CLAIMS,
  ],
  claims_parameter_supported: true,
  request_parameter_supported: false,
  request_uri_parameter_supported: false,
  prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'],
  ui_locales_supported: [...LOCALES],
  authorization_response_iss_parameter_supported: true,
  backchannel_logout_supported: true,
  backchannel_logout_session_supported: true,
})

const Metadata = z.looseObject({
  issuer: textField('The address of this server, which its tokens name.', 'https://id.example.com'),
})
const FIVE_MINUTES = 'public, max-age=300'

export function discoveryRoutes({ config }: Pick<Tools, 'config'>): Row[] {
  const data = metadataOf(config)
  const tag = createHash('sha256').update(JSON.stringify(data)).digest('base64url').slice(0, 22)
  const headers = { 'cache-control': FIVE_MINUTES, etag: `"${tag}"` }
  const row = (path: string, name: string): Row =>
    route({
      of: discover,
      name,
      method: 'GET',
      path,
      description: 'What OpenID Connect Discovery and RFC 8414 define, without an envelope.',
      tag: 'OpenID Connect',
      message: 'Metadata retrieved.',
      anyOrigin: true,
      bare: true,
      keepsText: true,
      lenient: 'the document of a standard, which clients may fetch with parameters against caches',
      input: z.object({}),
      output: Metadata,
      run: async () => ({ data, headers }),
    })
  return [
    row('/.well-known/openid-configuration', 'oidc.discovery.openid'),
    row('/.well-known/oauth-authorization-server', 'oidc.discovery.oauth'),
  ]
}
