/**
 * The authentication of apps at the endpoints that they request (RFC 6749 §2.3, OpenID Connect Core §9): by a secret, in the header
 * or in the form, or by an assertion that they have signed; a public app names itself. Exactly one way, and the one that the app is
 * registered for: a secret in either place counts for both methods with secrets. Only an app that holds its key learns what is wrong.
 */
import type { Call } from '../../../base/call.ts'
import type { ProtocolRequest } from '../../../base/http/row/route.ts'
import { type Client, findClientSecret, isUsableClient } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type SingleUse, useOnce } from '../replays/index.ts'
import { ASSERTION_TYPE, appNamedIn, checkAssertion } from './assertions.ts'
import type { KeyTools } from './client-keys.ts'
import { invalidClient, refusal } from './refusals.ts'

/** The parameters by which an app says who it is. */
export interface ClientCredentials {
  client_id?: string | undefined
  client_secret?: string | undefined
  client_assertion?: string | undefined
  client_assertion_type?: string | undefined
}

export interface AuthenticatedClient {
  client: Client
  /** Whether it has proven who it is; a public app has not. */
  isProven: boolean
  /** That of the secret that it has sent; null: it has sent none. */
  secretId: string | null
}

export type AuthenticationTools = KeyTools & Pick<Tools, 'clients' | 'db'>

/**
 * @param proof of a key, which is used up by the same statement as the assertion
 * @throws Problem `invalid_client`; `invalid_request` where the app authenticates in two ways (RFC 6749 §2.3); `invalid_dpop_proof`
 */
export async function authenticateClient(
  tools: AuthenticationTools,
  { now }: Call,
  sent: ClientCredentials,
  { authorization, path }: ProtocolRequest,
  proof: SingleUse | null = null,
): Promise<AuthenticatedClient> {
  const byHeader = authorization !== null
  const basic = authorization === null ? null : readBasic(authorization)
  // RFC 6749 §2.3.1: an empty secret is none, which public apps of some libraries send
  const secret = (basic?.secret ?? sent.client_secret) || undefined
  const assertion = assertionIn(sent)
  const isTwice = basic !== null && sent.client_secret !== undefined
  if (isTwice || (assertion !== null && (basic !== null || secret !== undefined)))
    throw refusal('invalid_request', 'The app authenticates in two ways.')
  if (basic !== null && sent.client_id !== undefined && sent.client_id !== basic.id)
    throw refusal('invalid_request', 'The client_id is not that of the header.')
  const id = basic?.id ?? sent.client_id ?? (assertion === null ? undefined : appNamedIn(assertion))
  const known = id === undefined ? null : tools.clients.find(id)
  const client = known instanceof Promise ? await known : known
  if (client === null || !isUsableClient(client, now)) throw invalidClient(byHeader)
  const { token_endpoint_auth_method: method } = client.settings
  const uses = proof === null ? [] : [proof]
  const found = secret === undefined ? null : findClientSecret(client.secrets, secret, now)
  if (method === 'private_key_jwt') {
    if (assertion === null) throw invalidClient(byHeader)
    const { publicUrl } = tools.config
    const audiences = [publicUrl, `${publicUrl}/oidc/token`, publicUrl + path]
    uses.push(await checkAssertion(tools, client, assertion, { now, audiences }))
  } else {
    // a public app that sends a credential is not the app that it seems to be
    const isPublic = method === 'none' && secret === undefined
    if (assertion !== null || !(method === 'none' ? isPublic : found !== null)) throw invalidClient(byHeader)
  }
  if (uses.length > 0) await useUp(tools, uses)
  return { client, isProven: method !== 'none', secretId: found?.id ?? null }
}

async function useUp(tools: Pick<Tools, 'db'>, uses: readonly SingleUse[]): Promise<void> {
  const [used] = await useOnce(tools.db, uses)
  if (used?.kind === 'assertion') throw invalidClient(false, 'The assertion was used before.')
  if (used !== undefined) throw refusal('invalid_dpop_proof', 'The DPoP proof was used before.')
}

/** RFC 7521 §4.2 */
function assertionIn({
  client_assertion: text,
  client_assertion_type: type,
}: ClientCredentials): string | null {
  if (text === undefined && type === undefined) return null
  if (type !== ASSERTION_TYPE)
    throw refusal('invalid_request', `The client_assertion_type has to be ${ASSERTION_TYPE}.`)
  return text ?? refuseMissing()
}
function refuseMissing(): never {
  throw refusal('invalid_request', 'The parameter client_assertion is missing.')
}

/** RFC 6749 §2.3.1: id and secret are encoded as in a form before they are joined. @throws Problem `invalid_client` */
function readBasic(authorization: string): { id: string; secret: string } {
  if (!BASIC.test(authorization)) throw invalidClient(true)
  const encoded = authorization.slice(authorization.lastIndexOf(' ') + 1)
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const id = decoded(text.slice(0, colon))
  const secret = decoded(text.slice(colon + 1))
  if (colon < 1 || id === null || secret === null) throw invalidClient(true)
  return { id, secret }
}

const BASIC = /^basic +[A-Za-z0-9+/]+={0,2}$/i

function decoded(text: string): string | null {
  try {
    return /[%+]/.test(text) ? decodeURIComponent(text.replaceAll('+', ' ')) : text
  } catch {
    return null
  }
}
