/**
 * The `session` method: an app's session cookie, looked up by a callback. CSRF protection: browsers also send cookies
 * with requests that other sites cause, so that unsafe methods must come from the same origin (Fetch Metadata, or
 * Origin).
 */
import type { Credential } from '../credentials.ts'
import { invalidToken, type Problem, problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'
import { type Awaitable, guarded, principalOfRecord, type ToPrincipal } from './callback.ts'
import type { MethodPlan } from './method.ts'

export interface SessionOptions<R> {
  /** The name of the cookie. */
  cookie: string
  /** @returns the record of the session; null or undefined where it is unknown or has ended */
  find(token: string): Awaitable<R | null | undefined>
  /** Other origins that may send unsafe requests: `['https://app.example.com']`. */
  origins?: readonly string[] | undefined
  /** false disables the origin check, for an app that checks a CSRF token itself. */
  checkOrigin?: boolean | undefined
  /** Converts a record to the fields of a principal. */
  principal?: ToPrincipal<R> | undefined
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
/** RFC 6265 §4.1.1 `cookie-octet`. */
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}$/

/**
 * Accepts a session cookie. A malformed one, or one that was sent twice with different values, is answered with 401
 * `INVALID_TOKEN`, also where the rule is `optional`; an unknown one with 401 `SESSION_EXPIRED`.
 *
 * @param options the name of the cookie, and a callback that finds the session of its value
 * @returns a method for {@link createGuard}
 *   An unsafe request from another origin is answered with 403 `CSRF_FAILED`.
 * @see RFC 6265, W3C Fetch Metadata Request Headers §2.1
 */
export function session<R>(options: SessionOptions<R>): MethodPlan {
  const { cookie, origins = [], checkOrigin = true } = options
  return {
    name: 'session',
    open: () => ({
      name: 'session',
      schemes: ['Session'],
      sources: { headers: [], query: [], cookies: [cookie] },
      authenticate({ cookies }, request) {
        const sent = cookies.get(cookie)
        if (sent === undefined) return undefined
        const token = sent === null ? null : readToken(sent)
        if (token === null) return invalidToken('the cookie cannot be read')
        const foreign = checkOrigin ? checkOriginOf(request, origins) : null
        if (foreign !== null) return foreign
        return guarded(async () => {
          const record = (await options.find(token)) ?? null
          return record === null
            ? problem('SESSION_EXPIRED', { reason: 'unknown session' })
            : principalOfRecord(record, 'session', options.principal)
        })
      },
    }),
  }
}

/** Percent-decodes the value, as frameworks encode it. */
function readToken({ value }: Credential): string | null {
  if (!COOKIE_VALUE.test(value)) return null
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}

function checkOriginOf(request: GuardRequest, origins: readonly string[]): Problem | null {
  if (SAFE_METHODS.has(request.method)) return null
  const origin = request.header('origin')
  if (origin !== undefined && origins.includes(origin)) return null
  const site = request.header('sec-fetch-site')
  if (site !== undefined) {
    // `none`: caused by the user, with the address bar or a bookmark
    return site === 'same-origin' || site === 'none'
      ? null
      : problem('CSRF_FAILED', { reason: `from ${site}` })
  }
  // current browsers send at least one of the two fields; other clients are not subject to CSRF
  if (origin === undefined || hostOf(origin) === request.header('host')) return null
  return problem('CSRF_FAILED', { reason: `from ${origin}` })
}

const hostOf = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null)
