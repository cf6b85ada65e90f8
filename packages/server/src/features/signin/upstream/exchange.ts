/**
 * The token endpoint (RFC 6749 §4.1.3) and the revocation endpoint (RFC 7009) of a provider. An error is an error with
 * whichever status: GitHub and Slack send theirs with 200.
 */
import { visibleText } from '../../../base/fields.ts'
import { jsonOf, type OutboundAnswer } from '../../../base/outbound/index.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { requestProvider, unreadable } from '../../../core/connections/requests.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { membersOf } from '../../../core/providers/profile.ts'
import type { Claims, ProviderProfile, UpstreamProvider } from '../../../core/providers/provider.ts'
import type { Tools } from '../../../core/tools.ts'
import { upstreamProvider } from './authorization.ts'
import { type ClientProof, proveClient } from './client-secret.ts'
import { getMetadata } from './discovery.ts'

type Needs = Pick<Tools, 'config' | 'outbound' | 'keyring'>

/** The answer of a token endpoint, of which only the access token is checked. */
export type TokenAnswer = Readonly<Record<string, unknown>> & { readonly access_token: string }

/** What a protocol has verified. */
export interface Proven {
  issuer: string
  profile: ProviderProfile
  claims: Claims
  /** The claims of the ID token alone, which state how the user was authenticated. */
  idToken?: Claims
  tokens: TokenAnswer
}

export interface CodeExchange {
  tokenEndpoint: string
  /** The methods of client authentication that the issuer names. */
  methods?: readonly string[] | undefined
  code: string
  redirectUri: string
  codeVerifier: string
  now: Date
}

/** Exchanges the code. @throws FederationFault */
export async function exchangeCode(
  tools: Needs,
  connection: UsableConnection,
  provider: UpstreamProvider,
  { tokenEndpoint: url, methods, code, redirectUri, codeVerifier, now }: CodeExchange,
): Promise<TokenAnswer> {
  const proofs = proveClient(tools, connection, provider, methods, now)
  const body = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    ...(provider.pkce && { code_verifier: codeVerifier }),
  }
  const answer = await postAsClient(tools, connection, url, body, proofs)
  const json = membersOf(readJson(answer, url))
  const { access_token } = json
  if (typeof access_token !== 'string' || access_token === '' || access_token.length > 20_000)
    throw new FederationFault('bad_answer', `${new URL(url).host} sent no access token`)
  return { ...json, access_token }
}

/** A POST by the first proof that the provider accepts; a client that it does not know has used up nothing. */
async function postAsClient(
  tools: Needs,
  connection: UsableConnection,
  url: string,
  body: Readonly<Record<string, string>>,
  [proof, ...others]: readonly ClientProof[],
): Promise<OutboundAnswer> {
  const answer = await requestProvider(tools, connection, {
    method: 'POST',
    url,
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...proof?.headers,
    },
    body: new URLSearchParams({ ...body, ...proof?.members }).toString(),
  })
  if (others.length === 0 || errorIn(answer)?.code !== 'invalid_client') return answer
  return postAsClient(tools, connection, url, body, others)
}

/** The JSON of a successful answer. @throws FederationFault with what the provider says is wrong */
export function readJson(answer: OutboundAnswer, url: string): unknown {
  const error = errorIn(answer)
  if (error !== null) throw faultOf(error)
  try {
    return jsonOf(answer)
  } catch (error) {
    throw unreadable(error, new URL(url).host)
  }
}

export interface ProviderError {
  code: string
  description: string | null
}

/** The error of RFC 6749 §5.2, or in the form of Slack, Facebook or X; null where the answer states none. */
function errorIn({ text }: OutboundAnswer): ProviderError | null {
  let json: Readonly<Record<string, unknown>>
  try {
    json = membersOf(JSON.parse(text))
  } catch {
    return null
  }
  const { error } = json
  if (typeof error === 'string') return { code: error, description: lineOf(json.error_description) }
  const { message, type, code } = membersOf(error)
  if (typeof message !== 'string') return null
  return { code: String(type ?? code ?? 'error'), description: lineOf(message) }
}

const lineOf = (value: unknown): string | null => (typeof value === 'string' ? visibleText(value, 200) : null)

/** Errors of providers by what they mean; the user, or the provider on their behalf, refuses those of `denied`. */
const ERRORS = {
  client_refused: [
    'invalid_client', 'unauthorized_client', 'invalid_client_id', 'bad_client_secret', 'incorrect_client_credentials', 'application_suspended',
  ],
  redirect_refused: ['redirect_uri_mismatch', 'invalid_redirect_uri'],
  scope_refused: ['invalid_scope', 'unauthorized_scope_error'],
  bad_settings: ['unsupported_response_type'],
  denied: ['access_denied', 'user_denied', 'user_cancelled_login', 'user_cancelled_authorize', 'consent_required'],
} as const // biome-ignore format: lists
const MEANINGS: ReadonlyMap<string, keyof typeof ERRORS> = new Map(
  (Object.keys(ERRORS) as (keyof typeof ERRORS)[]).flatMap((fault) =>
    ERRORS[fault].map((code) => [code, fault] as const),
  ),
)

export function faultOf({ code, description }: ProviderError): FederationFault {
  const name = visibleText(code, 100) ?? 'error'
  const detail = description === null ? name : `${name}: ${description}`
  return new FederationFault(MEANINGS.get(code) ?? 'provider_error', detail)
}

/**
 * Revokes what the connection keeps of a user, as at the deletion of the account.
 * @returns false where the provider has no endpoint for it. @throws FederationFault
 */
export async function revokeTokens(
  tools: Needs,
  connection: UsableConnection,
  tokens: { access_token: string; refresh_token?: string | undefined },
  now: Date,
): Promise<boolean> {
  const provider = upstreamProvider(connection)
  const { url, methods } = await revocationEndpoint(tools, connection, provider)
  if (url === null) return false
  const proofs = proveClient(tools, connection, provider, methods, now)
  // a refresh token takes its access tokens along (RFC 7009 §2.1)
  const [token, hint] = tokens.refresh_token
    ? [tokens.refresh_token, 'refresh_token']
    : [tokens.access_token, 'access_token']
  const answer = await postAsClient(tools, connection, url, { token, token_type_hint: hint }, proofs)
  const error = errorIn(answer)
  if (error !== null) throw faultOf(error)
  if (answer.status !== 200)
    throw new FederationFault('bad_answer', `${new URL(url).host} answered ${answer.status}`)
  return true
}

async function revocationEndpoint(tools: Needs, connection: UsableConnection, provider: UpstreamProvider) {
  if (provider.kind === 'oauth2')
    return { url: provider.endpoints(connection.settings).revocation ?? null, methods: undefined }
  const metadata = await getMetadata(tools, connection, provider)
  return {
    url: metadata.revocation_endpoint ?? provider.revocation ?? null,
    methods: metadata.token_endpoint_auth_methods_supported,
  }
}
