/** The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1), which the browser takes to the provider. */
import { hash } from 'node:crypto'
import { randomSecret } from '../../../base/crypto.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { mayBePrivate } from '../../../core/connections/requests.ts'
import { FederationFault, providerOf } from '../../../core/providers/index.ts'
import type { UpstreamProvider } from '../../../core/providers/provider.ts'
import type { Tools } from '../../../core/tools.ts'
import { getMetadata } from './discovery.ts'

/** What the answer is checked against besides `state`: kept encrypted with the round trip. */
export interface Expected {
  nonce: string
  code_verifier: string
}

export interface AuthorizationRequest {
  state: string
  /** The connection's own callback: one that another connection shared would permit mix-up attacks (RFC 9700 §4.4). */
  redirectUri: string
  loginHint?: string
  /** Whether the user must prove their identity again, although the provider has a session of theirs. */
  fresh?: boolean
}

export const createExpected = (): Expected => ({ nonce: randomSecret(), code_verifier: randomSecret() })

/** The row of a connection that signs in by OpenID Connect or OAuth 2. @throws Error for SAML */
export function upstreamProvider({ provider }: Pick<UsableConnection, 'provider'>): UpstreamProvider {
  const row = providerOf(provider)
  if (row.kind === 'saml') throw new Error('a SAML connection has no authorization endpoint')
  return row
}

/** @throws FederationFault where the connection is incomplete, or its issuer's metadata cannot be read */
export async function authorizationUrl(
  tools: Pick<Tools, 'config' | 'outbound'>,
  connection: UsableConnection,
  { nonce, code_verifier }: Expected,
  request: AuthorizationRequest,
): Promise<string> {
  const provider = upstreamProvider(connection)
  const { settings } = connection
  const isOidc = provider.kind === 'oidc'
  const url = new URL(
    isOidc
      ? (await getMetadata(tools, connection, provider)).authorization_endpoint
      : provider.endpoints(settings).authorization,
  )
  // the browser, too, is not sent to an address without https
  mayBePrivate(tools, connection, url.href)
  const { scopes, parameters } = requested(provider, settings.keeps_tokens === true, request.fresh === true)
  const all: Record<string, string | undefined> = {
    ...parameters,
    response_type: 'code',
    client_id: clientIdOf(connection),
    redirect_uri: request.redirectUri,
    scope: [...new Set([...scopes, ...(settings.scopes ?? [])])].join(' '),
    state: request.state,
    response_mode: provider.responseMode,
    ...(isOidc && { nonce: provider.nonce ? nonce : undefined, login_hint: request.loginHint }),
    ...(provider.pkce && {
      code_challenge: hash('sha256', code_verifier, 'base64url'),
      code_challenge_method: 'S256',
    }),
  }
  for (const [name, value] of Object.entries(all)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

/** The scopes and parameters of the row, with those for a refresh token and for a new proof; `prompt` has all words. */
function requested(provider: UpstreamProvider, keepsTokens: boolean, isFresh: boolean) {
  const refresh = keepsTokens ? provider.refresh : undefined
  const sets = [provider.parameters, refresh?.parameters, isFresh ? provider.fresh : undefined]
  const prompt = sets.flatMap((set) => set?.prompt ?? []).join(' ')
  const parameters: Record<string, string> = Object.assign({}, ...sets, prompt !== '' && { prompt })
  return { scopes: [...provider.scopes, ...(refresh?.scopes ?? [])], parameters }
}

/** @throws FederationFault where there is none */
export function clientIdOf({ clientId }: Pick<UsableConnection, 'clientId'>): string {
  if (clientId === null || clientId === '')
    throw new FederationFault('bad_settings', 'the client id is missing')
  return clientId
}
