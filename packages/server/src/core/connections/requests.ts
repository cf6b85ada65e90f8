/**
 * Requests to the provider of a connection. Its URLs are set by administrators of organizations and by their customers,
 * and named by the provider's own documents: each must be https at a public address, unless the operator says otherwise,
 * by `allows_private` of a server-wide connection or by LATCHKEY_CONNECTION_HOSTS. Endpoints of SAML, to which browsers alone
 * go, must be https.
 */
import {
  AnswerTooLarge,
  BadDocument,
  DOCUMENT_BYTES,
  DOCUMENT_TIMEOUT,
  NoAnswer,
  NotJson,
  NotPublic,
  namesPrivateHost,
  type OutboundAnswer,
  type OutboundRequest,
} from '../../base/outbound/index.ts'
import type { Config } from '../../config.ts'
import { FederationFault, type ProviderFault } from '../providers/index.ts'
import type { Tools } from '../tools.ts'
import type { ProviderConnection } from './connections.ts'

type HostTools = { config: Pick<Config, 'connectionHosts'> }
export type Reaching = Pick<ProviderConnection, 'organizationId' | 'settings'>

/** Why an address is refused by its text alone. */
export type AddressRefusal = 'https' | 'private_address'

/** What differs from an https address at a public host, which the server requests. */
export interface AddressUse {
  /** Plain http is taken. */
  isPlainTaken?: boolean
  /** Browsers alone go there, which may be in the private network of the provider. */
  isOfBrowsers?: boolean
}

/** Null: the server may request the URL, or send browsers there. @throws FederationFault for what is no URL */
export function addressRefusal(
  tools: HostTools,
  connection: Reaching,
  text: string,
  { isPlainTaken = false, isOfBrowsers = false }: AddressUse = {},
): AddressRefusal | null {
  if (isReachable(tools, connection, text)) return null
  const url = webUrl(text)
  if (url.protocol !== 'https:' && !isPlainTaken) return 'https'
  return !isOfBrowsers && namesPrivateHost(url) ? 'private_address' : null
}

/** @throws FederationFault for an address that is refused */
export function assertAddress(
  tools: HostTools,
  connection: Reaching,
  text: string,
  use: AddressUse = {},
): void {
  const refusal = addressRefusal(tools, connection, text, use)
  if (refusal === null) return
  const what = refusal === 'https' ? 'is not https' : 'is in a private network'
  throw new FederationFault('address_refused', `the address of ${webUrl(text).host} ${what}`)
}

/** Whether the URL may be in a private network. @throws FederationFault where it is neither that nor https at a public address */
export function mayBePrivate(tools: HostTools, connection: Reaching, text: string): boolean {
  assertAddress(tools, connection, text)
  return isReachable(tools, connection, text)
}

/** Whether the operator lets this connection reach the host of the URL although it is private. @throws FederationFault */
export function isReachable(
  { config }: HostTools,
  { organizationId, settings }: Reaching,
  text: string,
): boolean {
  const url = webUrl(text)
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const isListed = [url.hostname, `${url.hostname}:${port}`].some((host) =>
    config.connectionHosts.includes(host),
  )
  return isListed || (organizationId === null && settings.allows_private === true)
}

function webUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new FederationFault('bad_settings', 'an address is not a URL')
  return url
}

/** @throws FederationFault where no complete answer arrives within the limits; an answer may have any status */
export async function requestProvider(
  tools: Pick<Tools, 'config' | 'outbound'>,
  connection: Reaching,
  wanted: Pick<OutboundRequest, 'method' | 'url' | 'headers' | 'body'>,
): Promise<OutboundAnswer> {
  const allowPrivate = mayBePrivate(tools, connection, wanted.url)
  const headers = { 'user-agent': 'Latchkey', ...wanted.headers }
  try {
    return await tools.outbound.request({
      ...wanted,
      headers,
      timeoutMs: DOCUMENT_TIMEOUT,
      maxBytes: DOCUMENT_BYTES,
      allowPrivate,
    })
  } catch (error) {
    throw unreachable(error, wanted.url)
  }
}

/** The fault of a request that was not answered. @throws the error, where it is another one */
export function unreachable(error: unknown, url: string): FederationFault {
  if (!(error instanceof NoAnswer)) throw error
  return new FederationFault(faultOf(error), `${new URL(url).host}: ${error.message}`, { cause: error })
}

/** The fault of an answer that is not the document which it must be. @throws the error, where it is another one */
export function unreadable(error: unknown, what: string): FederationFault {
  if (!(error instanceof BadDocument)) throw error
  const fault = error instanceof NotJson ? 'not_json' : 'bad_answer'
  return new FederationFault(fault, `${what}: ${error.message}`, { cause: error })
}

function faultOf(error: NoAnswer): ProviderFault {
  if (error instanceof NotPublic) return 'address_refused'
  return error instanceof AnswerTooLarge ? 'bad_answer' : 'unreachable'
}
