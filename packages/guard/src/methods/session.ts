/**
 * The `session` method: a cookie of yours, found by you. Because browsers send cookies along with requests that
 * other sites cause, unsafe methods must come from the same origin (Fetch Metadata, else Origin).
 */
import type { Credential } from '../credentials.ts'
import { type Problem, problem, refusedToken } from '../problem.ts'
import type { GuardRequest } from '../request.ts'
import { type Awaitable, guarded, principalOfRecord, type ToPrincipal } from './callback.ts'
import type { MethodPlan } from './method.ts'

export interface SessionOptions<R> {
  /** The cookie's name. */
  cookie: string
  /** @returns the session's record, or null where there is none such (any longer) */
  find(token: string): Awaitable<R | null | undefined>
  /** Other origins whose pages may change things: `['https://app.example.com']`. */
  origins?: readonly string[] | undefined
  /** Switches the check of origins off, where a CSRF token is checked elsewhere. */
  checkOrigin?: boolean | undefined
  /** From the record to a principal. */
  principal?: ToPrincipal<R> | undefined
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
/** RFC 6265 §4.1.1 `cookie-octet`. */
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}$/

/**
 * Accepts a session cookie. A malformed one, or one that came twice with different values, is a 401, never
 * "go on without a user"; an unknown one is 401 `SESSION_EXPIRED`.
 *
 * @param options the cookie's name, and how to find the session of a token
 * @returns a method for {@link createGuard}
 * @throws Problem CSRF_FAILED where an unsafe method comes from another origin
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
      attempt({ cookies }, request) {
        const sent = cookies.get(cookie)
        if (sent === undefined) return undefined
        const token = sent === null ? null : readToken(sent)
        if (token === null) return refusedToken('the cookie cannot be read')
        const foreign = checkOrigin ? judgeOrigin(request, origins) : null
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

/** As frameworks write it: percent-encoded where it needs to be. */
function readToken({ value }: Credential): string | null {
  if (!COOKIE_VALUE.test(value)) return null
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}

function judgeOrigin(request: GuardRequest, origins: readonly string[]): Problem | null {
  if (SAFE_METHODS.has(request.method)) return null
  const origin = request.header('origin')
  if (origin !== undefined && origins.includes(origin)) return null
  const site = request.header('sec-fetch-site')
  if (site !== undefined) {
    // `none`: the person asked for it, by the address bar or a bookmark
    return site === 'same-origin' || site === 'none'
      ? null
      : problem('CSRF_FAILED', { reason: `from ${site}` })
  }
  // neither field: no browser of these years, and so nobody's cookie jar
  if (origin === undefined || hostOf(origin) === request.header('host')) return null
  return problem('CSRF_FAILED', { reason: `from ${origin}` })
}

const hostOf = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null)
