/**
 * One HTTP request to a server elsewhere, and its answer as text. The other side is not trusted to be quick, small or
 * where it says it is: the whole exchange has a time limit, the body a size, a redirect is not followed. Unless
 * `allowPrivate` is set, the request goes to a public address or nowhere: the name is resolved once, and the
 * connection is made to an address that was judged, so a name that changes in between (DNS rebinding) changes nothing.
 * Invariant: `allowPrivate` is for what the operator configured; what users configure is requested without it.
 */
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'

export interface OutboundRequest {
  method: 'GET' | 'POST'
  /** `http:` or `https:`, without credentials. */
  url: string
  headers: Readonly<Record<string, string>>
  body?: string
  /** For everything together: name, connection, head and body. */
  timeoutMs: number
  /** Of the answer's body. */
  maxBytes: number
  /** Whether this machine and private networks may be reached. */
  allowPrivate: boolean
}

export interface OutboundAnswer {
  status: number
  /** The media type in small letters, without parameters; empty where the answer names none. */
  type: string
  text: string
}

/** Why there is no answer, in words that hold neither the address nor what came back. */
export class NoAnswer extends Error {}

/** How names become addresses, and which of them are public; other in tests. */
export interface Network {
  resolve(hostname: string): Promise<readonly LookupAddress[]>
  isPublic(address: string): boolean
}

const INTERNET: Network = {
  resolve: (hostname) => lookup(hostname, { all: true, order: 'verbatim' }),
  isPublic: isPublicAddress,
}

/** @throws NoAnswer where no whole answer came within the limits; any status is an answer */
export async function request(wanted: OutboundRequest, network: Network = INTERNET): Promise<OutboundAnswer> {
  const signal = AbortSignal.timeout(wanted.timeoutMs)
  try {
    const response = await send(wanted, network, signal)
    return {
      status: response.statusCode ?? 0,
      type: (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '',
      text: await readAtMost(response, wanted.maxBytes),
    }
  } catch (error) {
    if (error instanceof NoAnswer) throw error
    throw new NoAnswer(signal.aborted ? `it took longer than ${wanted.timeoutMs} ms` : reasonOf(error))
  }
}

function send(wanted: OutboundRequest, network: Network, signal: AbortSignal): Promise<IncomingMessage> {
  const url = addressOf(wanted.url)
  const isAllowed = (address: string): boolean => wanted.allowPrivate || network.isPublic(address)
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  // a literal address is connected to without a look-up
  if (isIP(literal) !== 0 && !isAllowed(literal)) throw notPublic()
  const lookup = guardedLookup(network, isAllowed)
  const { method, headers, body } = wanted
  return new Promise((resolve, reject) => {
    const begin = url.protocol === 'https:' ? requestSecure : requestPlain
    // a connection for this request alone: one from a pool may have been made without the guard
    const sent = begin(url, { method, headers, signal, lookup, agent: false })
    sent.once('response', resolve).once('error', reject).end(body)
  })
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw new NoAnswer('its address is no URL of HTTP')
  if (url.username !== '' || url.password !== '') throw new NoAnswer('its address carries a credential')
  return url
}

/** Judges every address that the connection may be made to: one that is refused refuses the name. */
const guardedLookup =
  ({ resolve }: Network, isAllowed: (address: string) => boolean): LookupFunction =>
  (hostname, options, done) => {
    resolve(hostname).then(
      (found) => {
        const [first] = found
        if (!first || !found.every(({ address }) => isAllowed(address))) done(notPublic(), '')
        else if (options.all) done(null, [...found])
        else done(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => done(error, ''),
    )
  }

const notPublic = (): NoAnswer => new NoAnswer('its address is not public')

async function readAtMost(response: IncomingMessage, maxBytes: number): Promise<string> {
  if ((response.headers['content-encoding'] ?? 'identity') !== 'identity') {
    response.destroy()
    throw new NoAnswer('it answered in an encoding that was not asked for')
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    // leaving the loop closes the connection
    if (size > maxBytes) throw new NoAnswer(`it answered more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The code of what went wrong below, such as ECONNREFUSED; messages repeat the address. */
function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'the connection failed'
}
