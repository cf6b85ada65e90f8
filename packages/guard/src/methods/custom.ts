/** The `custom` method: a callback for any other scheme, such as request signatures, mutual TLS or a legacy header. */
import type { Principal, PrincipalFields } from '../principal.ts'
import { makePrincipal } from '../principal.ts'
import { Problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'
import { type Awaitable, guarded } from './callback.ts'
import { type MethodPlan, NO_SOURCES } from './method.ts'

export interface CustomOptions {
  /** The `method` of the principal; `custom` by default. */
  name?: string | undefined
  /** A scheme for `WWW-Authenticate`: `Signature`. */
  scheme?: string | undefined
}

/**
 * Authenticates a request. Null means that it has no credential of this kind; the next method then runs. For an invalid
 * credential of this kind, `throw problem('INVALID_TOKEN')` (or another code); do not return null.
 */
export type CustomCheck = (request: GuardRequest) => Awaitable<PrincipalFields | null | undefined>

/**
 * Creates a method from a callback.
 *
 * @param check receives the request (`await request.body()` is its raw body) and returns the fields of a principal, or
 *   null
 * @param options the name of the method, and a scheme for challenges
 * @returns a method for {@link createGuard}
 */
export function custom(check: CustomCheck, options: CustomOptions = {}): MethodPlan {
  const { name = 'custom', scheme } = options
  return {
    name,
    open: () => ({
      name,
      schemes: scheme === undefined ? [] : [scheme],
      sources: NO_SOURCES,
      authenticate: (_credentials, request) =>
        guarded(async (): Promise<Principal | Problem | undefined> => {
          const found = (await check(request)) ?? undefined
          if (found === undefined || found instanceof Problem) return found
          if (typeof found.userId !== 'string' || found.userId === '')
            throw new TypeError('the callback of custom() must return an object with a userId')
          return makePrincipal(found, name, found)
        }),
    }),
  }
}
