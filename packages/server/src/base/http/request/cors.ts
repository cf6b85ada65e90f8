/** CORS: an exact list of origins, with credentials; answers to all other origins have no CORS headers. */
import type { IncomingMessage } from 'node:http'

const EXPOSED =
  'x-request-id, x-api-version, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-ratelimit-window, ratelimit, ratelimit-policy, retry-after, link'
const REQUEST_HEADERS =
  'accept, accept-language, authorization, content-type, x-api-key, x-api-version, x-csrftoken, x-csrf-token, x-latchkey-challenge, x-request-id'

/** Of the endpoints of OAuth. */
const PROTOCOL_EXPOSED = 'x-request-id, retry-after, www-authenticate, dpop-nonce'
const PROTOCOL_HEADERS = 'accept, authorization, content-type, dpop, x-request-id'

export interface Cors {
  /** Adds the headers of the answer to a simple or actual request. */
  answer(req: IncomingMessage, headers: string[]): void
  /** Adds the headers of the answer to a preflight request (Fetch §3.3.3). */
  preflight(req: IncomingMessage, headers: string[], methods: string): void
}

/** Of rows that scripts of every origin may request, without cookies. */
export const anyOrigin: Cors = {
  answer(_, headers) {
    headers.push('access-control-allow-origin', '*', 'access-control-expose-headers', PROTOCOL_EXPOSED)
  },
  preflight(req, headers, methods) {
    headers.push('allow', methods)
    if (req.headers['access-control-request-method'] === undefined) return
    headers.push('access-control-allow-origin', '*', 'access-control-allow-methods', methods)
    headers.push('access-control-allow-headers', PROTOCOL_HEADERS, 'access-control-max-age', '600')
  },
}

export function cors(origins: readonly string[]): Cors {
  const allowed = new Set(origins)
  const answer = (req: IncomingMessage, headers: string[]): boolean => {
    const { origin } = req.headers
    if (origin === undefined) return false
    headers.push('vary', 'Origin')
    if (!allowed.has(origin)) return false
    headers.push('access-control-allow-origin', origin, 'access-control-allow-credentials', 'true')
    return true
  }
  return {
    answer(req, headers) {
      if (answer(req, headers)) headers.push('access-control-expose-headers', EXPOSED)
    },
    preflight(req, headers, methods) {
      headers.push('allow', methods)
      if (!answer(req, headers) || req.headers['access-control-request-method'] === undefined) return
      headers.push('access-control-allow-methods', methods, 'access-control-allow-headers', REQUEST_HEADERS)
      headers.push('access-control-max-age', '600')
    },
  }
}
