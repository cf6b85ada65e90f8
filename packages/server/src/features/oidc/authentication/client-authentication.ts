/**
 * The authentication of apps at the endpoints that they request (RFC 6749 §2.3, OpenID Connect Core §9): by a secret, in the header
 * or in the form; a public app names itself. Exactly one way, and the one that the app is registered for: a secret in either place
 * counts for both methods with secrets. The answer to every failure is the same.
 */
import type { Call } from '../../../base/call.ts'
import type { ProtocolRequest } from '../../../base/http/row/route.ts'
import { type Client, findClientSecret, isUsableClient } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { invalidClient, refusal } from './refusals.ts'

/** The parameters by which an app says who it is. */
export interface ClientCredentials {
  client_id?: string | undefined
  client_secret?: string | undefined
}

export interface AuthenticatedClient {
  client: Client
  /** Whether it has proven who it is; a public app has not. */
  isProven: boolean
}

/** @throws Problem `invalid_client`; `invalid_request` where the app authenticates in two ways (RFC 6749 §2.3) */
export async function authenticateClient(
  { clients }: Pick<Tools, 'clients'>,
  { now }: Call,
  sent: ClientCredentials,
  { authorization }: ProtocolRequest,
): Promise<AuthenticatedClient> {
  const basic = authorization === null ? null : readBasic(authorization)
  const id = basic?.id ?? sent.client_id
  const secret = basic?.secret ?? sent.client_secret
  if (basic !== null && sent.client_secret !== undefined)
    throw refusal('invalid_request', 'The app authenticates in two ways.')
  if (basic !== null && sent.client_id !== undefined && sent.client_id !== basic.id)
    throw refusal('invalid_request', 'The client_id is not that of the header.')
  const byHeader = authorization !== null
  const client = id === undefined ? null : await clients.find(id)
  if (client === null || !isUsableClient(client, now)) throw invalidClient(byHeader)
  const { token_endpoint_auth_method: method } = client.settings
  if (method === 'none') {
    // a public app that sends a secret is not the app that it seems to be
    if (secret !== undefined) throw invalidClient(byHeader)
    return { client, isProven: false }
  }
  const isBySecret = method === 'client_secret_basic' || method === 'client_secret_post'
  if (!isBySecret || secret === undefined || findClientSecret(client.secrets, secret, now) === null)
    throw invalidClient(byHeader)
  return { client, isProven: true }
}

/** RFC 6749 §2.3.1: id and secret are encoded as in a form before they are joined. @throws Problem `invalid_client` */
function readBasic(authorization: string): { id: string; secret: string } {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const [id, secret] = [text.slice(0, colon), text.slice(colon + 1)].map(decoded)
  if (colon < 1 || id == null || secret == null) throw invalidClient(true)
  return { id, secret }
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}
