/**
 * Outbound HTTP: requests with a timeout, a size limit on the answer, and no redirects, to addresses in the
 * configuration. No address is taken from a token, except an issuer that a function of the app has accepted. No other
 * file of the guard opens a connection.
 */
import { type Problem, problem } from './problem.ts'

/** `fetch`, or a replacement for tests and proxies. */
export type Fetch = typeof globalThis.fetch

export interface BoundedResponse {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export interface GetOptions {
  headers: Readonly<Record<string, string>>
  /** Milliseconds, from the start of the request to the last byte of the answer. */
  timeout: number
  maxBytes: number
}

/** {@link exchange} with GET. */
export const get = (fetch: Fetch, url: string, options: GetOptions): Promise<BoundedResponse> =>
  exchange(fetch, url, { ...options, method: 'GET' })

/**
 * Sends a request without a body.
 *
 * @throws an error where the answer does not arrive completely within the time and size limits
 */
export async function exchange(
  fetch: Fetch,
  url: string,
  { method, headers, timeout, maxBytes }: GetOptions & { method: 'GET' | 'POST' },
): Promise<BoundedResponse> {
  const signal = AbortSignal.timeout(timeout)
  const response = await send(fetch, url, headers, signal, method)
  return {
    status: response.status,
    headers: response.headers,
    text: await readBounded(response, maxBytes),
  }
}

/** A GET whose answer does not end; the signal aborts it. */
export const openStreamingGet = (
  fetch: Fetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> => send(fetch, url, headers, signal)

/** `redirect: 'error'` by hand: Cloudflare Workers do not implement it. */
async function send(
  fetch: Fetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  method = 'GET',
): Promise<Response> {
  const response = await fetch(url, { method, headers, redirect: 'manual', signal })
  if (response.type !== 'opaqueredirect' && (response.status < 300 || response.status > 399)) return response
  await response.body?.cancel()
  throw new Error(`${url} answered with a redirect, which is not followed`)
}

async function readBounded(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    // leaving the loop cancels the rest
    if (size > maxBytes) throw new Error(`the answer exceeds ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

/** The problem of a request that needs a service which cannot be reached: 503 `UNAVAILABLE`. */
export const unavailable = (reason: string, cause?: unknown, retryAfter?: number): Problem =>
  problem('UNAVAILABLE', { reason, cause, retryAfter })

/**
 * Parses a configured address: https, or plain http on the loopback interface.
 *
 * @throws TypeError for plain http to another machine, unless `allowHttp`
 */
export function outboundUrl(text: string, allowHttp: boolean): URL {
  const url = new URL(text)
  const isHere = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && (allowHttp || isHere))) return url
  throw new TypeError(`${text}: use https, or set allowHttp: true where the network is trusted`)
}
