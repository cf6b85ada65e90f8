/**
 * What an app states about itself (RFC 7591 §2, OpenID Connect Registration §2), read into settings: by a registration, or by its
 * document. Pure. Unknown members are ignored, what the server does not have is replaced by what it has where the standard permits
 * that (RFC 7591 §3.2.1), and nothing gives the app more than an app of strangers: it is never first-party, needs PKCE, and gets the
 * server's scopes alone.
 */
import { z } from 'zod'
import { line } from '../../../base/fields.ts'
import { checkClientSettings, STANDARD_SCOPES } from '../../../core/clients/index.ts'
import { AppUrl, type AuthMethod, ClientSettings, type GrantType } from '../../../core/clients/settings.ts'

/** RFC 7591 §3.2.2. The message is for developers. */
export class BadMetadata extends Error {
  readonly error: 'invalid_redirect_uri' | 'invalid_client_metadata'

  constructor(error: BadMetadata['error'], message: string) {
    super(message)
    this.error = error
  }
}

const invalidMetadata = (message: string): BadMetadata => new BadMetadata('invalid_client_metadata', message)

/** What apps may have by this way of becoming known. */
export interface MetadataPolicy {
  grants: readonly GrantType[]
  methods: readonly AuthMethod[]
  /** Of those, that of an app that names none. */
  method: AuthMethod
  subjects: readonly ClientSettings['subject_type'][]
}

const { shape } = ClientSettings
const words = z.array(z.string().max(200)).max(50)

/** Those that become settings of the same name. */
const KEPT = {
  application_type: shape.application_type.unwrap(),
  redirect_uris: shape.redirect_uris.unwrap(),
  post_logout_redirect_uris: shape.post_logout_redirect_uris.unwrap(),
  token_endpoint_auth_signing_alg: shape.token_endpoint_auth_signing_alg.unwrap(),
  jwks: shape.jwks.unwrap(),
  jwks_uri: shape.jwks_uri.unwrap(),
  id_token_signed_response_alg: shape.id_token_signed_response_alg.unwrap(),
  subject_type: shape.subject_type.unwrap(),
  require_pushed_authorization_requests: shape.require_pushed_authorization_requests.unwrap(),
  dpop_bound_access_tokens: shape.dpop_bound_access_tokens.unwrap(),
  default_max_age: shape.default_max_age.unwrap(),
  backchannel_logout_uri: shape.backchannel_logout_uri.unwrap(),
  backchannel_logout_session_required: shape.backchannel_logout_session_required.unwrap(),
  // of a stranger none is shown
  logo_uri: AppUrl.nullable(),
  client_uri: shape.client_uri.unwrap(),
  policy_uri: shape.policy_uri.unwrap(),
  tos_uri: shape.tos_uri.unwrap(),
  contacts: shape.contacts.unwrap(),
  initiate_login_uri: shape.initiate_login_uri.unwrap(),
}

/** The settings that an app states; all others are the server's. */
export const METADATA_MEMBERS: ReadonlySet<string> = new Set(Object.keys(KEPT))

const Metadata = z
  .object({
    ...KEPT,
    grant_types: words,
    response_types: words,
    token_endpoint_auth_method: z.string(),
    scope: z.string().max(8192),
    client_name: line(80),
  })
  .partial()
type Metadata = z.infer<typeof Metadata>

/** @param unnamed what users see of an app without a name. @throws BadMetadata */
export function readMetadata(
  stated: Readonly<Record<string, unknown>>,
  { grants, methods, method: usual, subjects }: MetadataPolicy,
  unnamed: string,
): { name: string; settings: ClientSettings } {
  const metadata = parsed(stated)
  const { client_name: name, grant_types: named, response_types: responses, scope, ...kept } = metadata
  const method = methods.find((one) => one === (kept.token_endpoint_auth_method ?? usual))
  if (method === undefined)
    throw invalidMetadata(`The token_endpoint_auth_method has to be one of ${methods.join(', ')}.`)
  const wanted = named ?? ['authorization_code']
  const granted = grants.filter((grant) => wanted.includes(grant))
  if (granted.length === 0) throw invalidMetadata(`The grant_types have to be among ${grants.join(', ')}.`)
  if (granted.includes('authorization_code') && responses !== undefined && !responses.includes('code'))
    throw invalidMetadata('The response_types have to contain code.')
  if (!subjects.includes(kept.subject_type ?? 'public'))
    throw invalidMetadata(`subject_type: It has to be ${subjects.join(' or ')}.`)
  if (kept.subject_type === 'pairwise' && stated.sector_identifier_uri != null)
    throw invalidMetadata(
      'sector_identifier_uri: It is not supported: the sector of an app is the one host of its redirect URIs.',
    )
  // users who allow a device something would be known to it as they are to the apps of a host that is not checked
  if (kept.subject_type === 'pairwise' && granted.some((grant) => grant.endsWith(':device_code')))
    throw invalidMetadata('subject_type: An app that registers for devices has public subjects.')
  const settings = ClientSettings.parse({
    application_type: typeOf(kept.redirect_uris ?? []),
    ...kept,
    token_endpoint_auth_method: method,
    grant_types: granted,
    scopes: scopesIn(scope),
  })
  assertRules(settings)
  return { name: name ?? unnamed, settings }
}

/** Null is absent (RFC 7592 §2.2). */
function parsed(stated: Readonly<Record<string, unknown>>): Metadata {
  const members = Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== null))
  const { success, data, error } = Metadata.safeParse(members)
  if (success) return data
  const [{ path, message } = { path: [], message: '' }] = error.issues
  throw faultOf(path.join('.'), message)
}

/** RFC 8252 §7: only apps on devices are led to a loopback address or to a scheme of theirs. */
const typeOf = (redirectUris: readonly string[]): ClientSettings['application_type'] =>
  redirectUris.some((uri) => !uri.startsWith('https:')) ? 'native' : 'web'

/** Of the scopes, those of the server; an app that names no scope at all may have all of them. */
function scopesIn(scope: string | undefined): string[] | null {
  if (scope === undefined) return null
  const named = scope.split(' ')
  return STANDARD_SCOPES.filter((name) => named.includes(name))
}

function assertRules(settings: ClientSettings): void {
  const [fault] = checkClientSettings(settings)
  if (fault !== undefined) throw faultOf(fault.field, fault.message)
}

const faultOf = (field: string, message: string): BadMetadata =>
  new BadMetadata(
    /^redirect_uris\b/.test(field) ? 'invalid_redirect_uri' : 'invalid_client_metadata',
    `${field}: ${message}`,
  )
