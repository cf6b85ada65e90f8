/**
 * What the settings of a client mean together: the rules of RFC 7591, RFC 9700 and OpenID Connect Registration over several
 * members, as errors of fields. Pure. Leaves what an owner may set (first-party clients, scopes) to oidc/clients.
 */
import type { JsonWebKey } from 'node:crypto'
import type { FieldError } from '../../base/errors.ts'
import { publicKeyFault, readPublicJwk } from '../../base/jws.ts'
import { redirectUriFault, sectorHostOf } from './redirect-uris.ts'
import type { ClientSettings, GrantType } from './settings.ts'

const fault = (field: string, code: string, message: string): FieldError => ({ field, code, message })

type Rule = (settings: ClientSettings) => readonly FieldError[]

const DEVICE: GrantType = 'urn:ietf:params:oauth:grant-type:device_code'
const EXCHANGE: GrantType = 'urn:ietf:params:oauth:grant-type:token-exchange'

const redirectUris: Rule = ({ application_type, redirect_uris, post_logout_redirect_uris }) =>
  Object.entries({ redirect_uris, post_logout_redirect_uris }).flatMap(([field, uris]) =>
    uris.flatMap((uri, at) => {
      const message = redirectUriFault(uri, application_type)
      if (message !== null) return [fault(`${field}.${at}`, 'redirect_uri', message)]
      return uris.indexOf(uri) < at
        ? [fault(`${field}.${at}`, 'duplicate', 'It is in the list already.')]
        : []
    }),
  )

const grants: Rule = ({ grant_types, redirect_uris }) => [
  ...(grant_types.includes('authorization_code') && redirect_uris.length === 0
    ? [fault('redirect_uris', 'required', 'The grant authorization_code needs a redirect URI.')]
    : []),
  ...(grant_types.includes('refresh_token') &&
  !grant_types.some((grant) => grant === 'authorization_code' || grant === DEVICE)
    ? [fault('grant_types', 'refresh_token', 'Only authorization_code and device_code give refresh tokens.')]
    : []),
  ...(new Set(grant_types).size < grant_types.length
    ? [fault('grant_types', 'duplicate', 'Name each grant once.')]
    : []),
]

/** RFC 6749 §2.1: what a public client sends proves nothing about it. */
const publicClients: Rule = ({ token_endpoint_auth_method: method, grant_types, require_pkce }) => {
  if (method !== 'none') return []
  const withheld = grant_types.filter((grant) => grant === 'client_credentials' || grant === EXCHANGE)
  return [
    ...withheld.map((grant) =>
      fault('grant_types', 'public_client', `A client without authentication may not use ${grant}.`),
    ),
    // RFC 9700 §2.1.1
    ...(require_pkce
      ? []
      : [fault('require_pkce', 'public_client', 'A client without authentication needs PKCE.')]),
  ]
}

const keys: Rule = (settings) => {
  const {
    jwks,
    jwks_uri: uri,
    token_endpoint_auth_method: method,
    token_endpoint_auth_signing_alg: alg,
  } = settings
  // RFC 7591 §2
  if (jwks !== null && uri !== null)
    return [fault('jwks_uri', 'jwks', 'Give either the keys or the address where they are.')]
  const missing =
    method === 'private_key_jwt' && jwks === null && uri === null
      ? [fault('jwks', 'required', 'private_key_jwt needs jwks or jwks_uri.')]
      : []
  const unused =
    alg !== null && method !== 'private_key_jwt'
      ? [fault('token_endpoint_auth_signing_alg', 'unused', 'Only private_key_jwt has an algorithm.')]
      : []
  const faulty = (jwks?.keys ?? []).flatMap((key, at) => {
    const message = keyFault(key as JsonWebKey)
    return message === null ? [] : [fault(`jwks.keys.${at}`, 'key', message)]
  })
  return [...missing, ...unused, ...faulty]
}

/** Why it is no public key that assertions may be verified with. */
function keyFault(jwk: JsonWebKey): string | null {
  if (jwk.use !== undefined && jwk.use !== 'sig') return 'Give keys for signatures (`use`: `sig`).'
  const key = readPublicJwk(jwk)
  return key === null ? 'This is no key that can be read.' : publicKeyFault(key)
}

/** OpenID Connect Core §8.1: the host says which apps know a user by the same subject. */
const pairwise: Rule = ({ subject_type, sector_identifier_uri: sector, redirect_uris }) => {
  if (subject_type === 'public') return []
  if (sector !== null)
    return [
      fault(
        'sector_identifier_uri',
        'not_supported',
        'It is not supported: the sector of an app is the one host of its redirect URIs.',
      ),
    ]
  return sectorHostOf(redirect_uris) !== null
    ? []
    : [fault('subject_type', 'sector', 'Pairwise subjects need https redirect URIs of one host.')]
}

const logout: Rule = ({ backchannel_logout_uri: uri, backchannel_logout_session_required: required }) =>
  required && uri === null
    ? [fault('backchannel_logout_uri', 'required', 'Only with it can a session be named in a logout.')]
    : []

const RULES: readonly Rule[] = [redirectUris, grants, publicClients, keys, pairwise, logout]

/** Every fault of the settings; empty: they may be stored. */
export const checkClientSettings = (settings: ClientSettings): FieldError[] =>
  RULES.flatMap((rule) => rule(settings))
