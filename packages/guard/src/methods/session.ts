/**
 * The `session` method: an app's session cookie, looked up by a callback. CSRF protection: browsers also send cookies
 * with requests that other sites cause, so that unsafe methods must come from the same origin (Fetch Metadata, or
 * Origin).
 */
import type { Credential } from '../credentials.ts'
import { checkOriginOf } from '../csrf.ts'
import { amount, assertOptions, callable, flag, type OptionTable, origins, token } from '../options.ts'
import type { Principal } from '../principal.ts'
import { invalidToken, type Problem, problem } from '../problem.ts'
import { type Awaitable, callbacks, type ToPrincipal } from './callback.ts'
import { type MethodPlan, NO_SOURCES } from './method.ts'

export interface SessionOptions<R> {
  /** The name of the cookie. */
  cookie: string
  /** @returns the record of the session; null or undefined where it is unknown or has ended */
  find(token: string): Awaitable<R | Problem | null | undefined>
  /** Other origins that may send unsafe requests: `['https://app.example.com']`. */
  origins?: readonly string[] | undefined
  /** false disables the origin check, for an app that checks a CSRF token itself. */
  checkOrigin?: boolean | undefined
  /** Converts a record to the fields of a principal. */
  principal?: ToPrincipal<R> | undefined
  /** The time in which each callback must answer, in milliseconds; 10,000 by default. */
  timeout?: number | undefined
}

const OPTIONS: OptionTable<SessionOptions<unknown>> = {
  cookie: token,
  find: callable,
  origins,
  checkOrigin: flag,
  principal: callable,
  timeout: amount('milliseconds', 1, 600_000),
}

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
  return {
    name: 'session',
    open() {
      assertOptions('session()', options, OPTIONS, ['cookie', 'find'])
      const { cookie, origins = [], checkOrigin = true, principal, timeout } = options
      const { find, principalOf } = callbacks({
        owner: 'session()',
        method: 'session',
        refusal: 'INVALID_TOKEN',
        timeout,
      })
      return {
        name: 'session',
        schemes: ['Session'],
        sources: { ...NO_SOURCES, cookies: [cookie] },
        authenticate({ cookies }, request) {
          const sent = cookies.get(cookie)
          if (sent === undefined) return undefined
          const value = sent === null ? null : readCookie(sent)
          if (value === null) return invalidToken('the cookie cannot be read')
          const foreign = checkOrigin ? checkOriginOf(request, origins) : null
          if (foreign !== null) return foreign
          return find<R, Principal>(
            () => options.find(value),
            (record) =>
              record === null
                ? problem('SESSION_EXPIRED', { reason: 'unknown session' })
                : principalOf(record, principal),
          )
        },
      }
    },
  }
}

/** Percent-decodes the value, as frameworks encode it. */
function readCookie({ value }: Credential): string | null {
  if (!COOKIE_VALUE.test(value)) return null
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}
