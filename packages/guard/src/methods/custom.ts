/** The `custom` method: a callback for any other scheme, such as request signatures, mutual TLS or a legacy header. */
import { amount, assertOptions, type OptionTable, text, token } from '../options.ts'
import type { PrincipalFields } from '../principal.ts'
import type { Problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'
import { type Awaitable, callbacks } from './callback.ts'
import { type MethodOutcome, type MethodPlan, NO_SOURCES } from './method.ts'

export interface CustomOptions {
  /** The `method` of the principal; `custom` by default. */
  name?: string | undefined
  /** A scheme for `WWW-Authenticate`: `Signature`. */
  scheme?: string | undefined
  /** The time in which the callback must answer, in milliseconds; 10,000 by default. */
  timeout?: number | undefined
}

const OPTIONS: OptionTable<CustomOptions> = {
  name: text,
  scheme: token,
  timeout: amount('milliseconds', 1, 600_000),
}

/**
 * Authenticates a request. Null means that it has no credential of this kind; the next method then runs. For an invalid
 * credential of this kind, `throw problem('INVALID_TOKEN')` (or another code); do not return null.
 */
export type CustomCheck = (request: GuardRequest) => Awaitable<PrincipalFields | Problem | null | undefined>

/**
 * Creates a method from a callback.
 *
 * @param check receives the request (`await request.body()` is its raw body) and returns the fields of a principal, or
 *   null
 * @param options the name of the method, and a scheme for challenges
 * @returns a method for {@link createGuard}
 */
export function custom(check: CustomCheck, options: CustomOptions = {}): MethodPlan {
  return {
    name: options.name ?? 'custom',
    open() {
      assertOptions('custom()', options, OPTIONS)
      if (typeof check !== 'function') throw new TypeError('custom() requires a function')
      const { name = 'custom', scheme, timeout } = options
      const { call, principalOf } = callbacks({
        owner: `${name} of custom()`,
        method: name,
        refusal: 'INVALID_TOKEN',
        timeout,
      })
      return {
        name,
        schemes: scheme === undefined ? [] : [scheme],
        sources: NO_SOURCES,
        authenticate: (_credentials, request) =>
          call<Awaited<ReturnType<CustomCheck>>, MethodOutcome>(
            'check',
            () => check(request),
            (found) =>
              found === null || found === undefined ? undefined : principalOf(found, (fields) => fields),
          ),
      }
    },
  }
}
