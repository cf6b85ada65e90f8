/** The `custom` method: any callable. What no other method knows (signatures, mutual TLS, a legacy header). */
import type { Principal, PrincipalFields } from '../principal.ts'
import { makePrincipal } from '../principal.ts'
import { Problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'
import { type Awaitable, guarded } from './callback.ts'
import { type MethodPlan, NO_SOURCES } from './method.ts'

export interface CustomOptions {
  /** The principal's `method`; `custom` by default. */
  name?: string | undefined
  /** The scheme to name in `WWW-Authenticate`: `Signature`. */
  scheme?: string | undefined
}

/**
 * Looks at a request. Null says that it carries nothing of this kind, and the next method is asked. A credential
 * of this kind that is no good is refused by `throw problem('INVALID_TOKEN')` (or another code), never by null.
 */
export type CustomCheck = (request: GuardRequest) => Awaitable<PrincipalFields | null | undefined>

/**
 * Makes a method of a function of yours.
 *
 * @param check gets the request (with `await request.body()`, its raw bytes) and gives a principal's fields, or null
 * @param options a name, and a scheme for challenges
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
      attempt: (_offered, request) =>
        guarded(async (): Promise<Principal | Problem | undefined> => {
          const found = (await check(request)) ?? undefined
          if (found === undefined || found instanceof Problem) return found
          if (typeof found.userId !== 'string' || found.userId === '')
            throw new TypeError('a custom method gives back an object with a userId')
          return makePrincipal(found, name, found)
        }),
    }),
  }
}
