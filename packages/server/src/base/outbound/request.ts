/**
 * Outbound HTTP requests. The remote server is not trusted: the whole exchange has a timeout, the body a size limit,
 * and redirects are not followed. Unless `allowPrivate` is set, only public addresses are connected to: the name is
 * resolved once, and the connection is made to a checked address, so that DNS rebinding has no effect.
 * Invariant: `allowPrivate` is for URLs of the operator's configuration; URLs that users configure are requested
 * without it.
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
  /** For the whole exchange: name resolution, connection, head and body. */
  timeoutMs: number
  /** The size limit of the answer's body. */
  maxBytes: number
  /** Whether this machine and private networks may be reached. */
  allowPrivate: boolean
}

export interface OutboundAnswer {
  status: number
  /** The media type in lower case, without parameters; empty where the answer has none. */
  type: string
  /** The field `Cache-Control`; empty where there is none. */
  cacheControl: string
  /** The field `Retry-After`; empty where there is none. */
  retryAfter: string
  text: string
}

/** No answer was received. The message contains neither the address nor the content of an answer. */
export class NoAnswer extends Error {}

/** The answer exceeds the size limit. */
export class AnswerTooLarge extends NoAnswer {}

/** The host has no public address, and only those are reached. */
export class NotPublic extends NoAnswer {}

/** Name resolution, and the check for public addresses; replaced in tests. */
export interface Network {
  resolve(hostname: string): Promise<readonly LookupAddress[]>
  isPublic(address: string): boolean
  /** Where a URL is requested instead: hosts that a program fixes, such as a provider's, answer on this machine in tests. */
  instead?(url: URL): URL
}

export const INTERNET: Network = {
  resolve: (hostname) => lookup(hostname, { all: true, order: 'verbatim' }),
  isPublic: isPublicAddress,
}

/** @throws NoAnswer where no complete answer arrives within the limits; an answer may have any status */
export async function request(wanted: OutboundRequest, network: Network = INTERNET): Promise<OutboundAnswer> {
  const signal = AbortSignal.timeout(wanted.timeoutMs)
  try {
    const response = await send(wanted, network, signal)
    return {
      status: response.statusCode ?? 0,
      type: (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '',
      cacheControl: response.headers['cache-control'] ?? '',
      retryAfter: response.headers['retry-after'] ?? '',
      text: await readAtMost(response, wanted.maxBytes),
    }
  } catch (error) {
    if (error instanceof NoAnswer) throw error
    throw new NoAnswer(signal.aborted ? `no answer within ${wanted.timeoutMs} ms` : systemCodeOf(error))
  }
}

function send(wanted: OutboundRequest, network: Network, signal: AbortSignal): Promise<IncomingMessage> {
  const stated = addressOf(wanted.url)
  const url = network.instead?.(stated) ?? stated
  const isAllowed = (address: string): boolean => wanted.allowPrivate || network.isPublic(address)
  const literal = literalAddress(url)
  // a literal address is connected to without a look-up
  if (literal !== null && !isAllowed(literal)) throw notPublic()
  const lookup = guardedLookup(network, isAllowed)
  const { method, headers, body } = wanted
  return new Promise((resolve, reject) => {
    const begin = url.protocol === 'https:' ? requestSecure : requestPlain
    // a new connection: one of a pool may have been made without the check
    const sent = begin(url, { method, headers, signal, lookup, agent: false })
    sent.once('response', resolve).once('error', reject).end(body)
  })
}

function literalAddress({ hostname }: URL): string | null {
  const literal = hostname.replace(/^\[|\]$/g, '')
  return isIP(literal) === 0 ? null : literal
}

/** Whether a URL names this machine or a private network by its text alone: a name is resolved when it is requested. */
export function namesPrivateHost(url: URL): boolean {
  const literal = literalAddress(url)
  return literal === null ? /(?:^|\.)localhost\.?$/.test(url.hostname) : !isPublicAddress(literal)
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw new NoAnswer('the address is not an HTTP URL')
  if (url.username !== '' || url.password !== '') throw new NoAnswer('the address contains a credential')
  return url
}

/** Checks all addresses of a name; if one is refused, the name is refused. */
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

const notPublic = (): NotPublic => new NotPublic('the address is not public')

async function readAtMost(response: IncomingMessage, maxBytes: number): Promise<string> {
  if ((response.headers['content-encoding'] ?? 'identity') !== 'identity') {
    response.destroy()
    throw new NoAnswer('the answer has a content encoding that was not requested')
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    // leaving the loop closes the connection
    if (size > maxBytes) throw new AnswerTooLarge(`the answer exceeds ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The code of a system error, such as ECONNREFUSED; its message would contain the address. */
function systemCodeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'the connection failed'
}
