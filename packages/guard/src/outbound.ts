/**
 * The guard's only way out: GET with a time limit, a bound on what comes back, and no redirects, to addresses
 * that the configuration named. No address is ever taken from a token.
 */
import { type Problem, problem } from './problem.ts'

/** `fetch`, or what stands for it in a test or behind a proxy. */
export type Fetch = typeof globalThis.fetch

export interface Got {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export interface GetOptions {
  headers: Readonly<Record<string, string>>
  /** Milliseconds, from the beginning to the last byte. */
  timeout: number
  maxBytes: number
}

/** @throws whatever kept it from coming, whole and in time */
export async function get(fetch: Fetch, url: string, options: GetOptions): Promise<Got> {
  const signal = AbortSignal.timeout(options.timeout)
  const response = await fetch(url, { headers: options.headers, redirect: 'error', signal })
  return {
    status: response.status,
    headers: response.headers,
    text: await readBounded(response, options.maxBytes),
  }
}

/** A GET whose answer goes on for ever; the signal ends it. */
export const openLine = (
  fetch: Fetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> => fetch(url, { headers, redirect: 'error', signal })

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

/** What a caller is told while something that must be asked cannot be. */
export const unreachable = (reason: string, cause?: unknown, retryAfter?: number): Problem =>
  problem('UNAVAILABLE', { reason, cause, retryAfter })

/**
 * A configured address: https, or plain http on this machine.
 *
 * @throws TypeError for others, unless plain http is allowed
 */
export function outboundUrl(text: string, allowHttp: boolean): URL {
  const url = new URL(text)
  const isHere = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && (allowHttp || isHere))) return url
  throw new TypeError(`${text}: take https, or say allowHttp: true where the network itself is trusted`)
}
