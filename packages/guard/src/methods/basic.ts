/** The `basic` method: HTTP Basic authentication (RFC 7617), with callbacks that find an account and check its password. */
import { readBasic } from '../credentials.ts'
import { problem } from '../problem.ts'
import { type Awaitable, guarded, principalOfRecord, type ToPrincipal } from './callback.ts'
import { type MethodPlan, NO_SOURCES } from './method.ts'

export interface BasicOptions<R> {
  /** @returns the account with this user name or e-mail address; null or undefined where there is none */
  find(identifier: string): Awaitable<R | null | undefined>
  /**
   * Checks the password. It is called with null for an unknown account: verify a dummy hash then, so that the response
   * time does not reveal whether the account exists. The result for null is ignored.
   */
  check(record: R | null, password: string): Awaitable<boolean>
  /** Converts a record to the fields of a principal. */
  principal?: ToPrincipal<R> | undefined
}

/**
 * Accepts `Authorization: Basic`. An unknown name and a wrong password have the same answer, 401
 * `AUTHENTICATION_FAILED`.
 *
 * @param options how to find an account and how to check its password
 * @returns a method for {@link createGuard}
 * @see RFC 7617 §2
 */
export function basic<R>(options: BasicOptions<R>): MethodPlan {
  return {
    name: 'basic',
    open: () => ({
      name: 'basic',
      schemes: ['Basic'],
      sources: NO_SOURCES,
      authenticate({ explicit: sent }) {
        if (sent === null || sent.kind !== 'basic' || sent.isTooLong) return undefined
        const read = readBasic(sent.value)
        if (read === null) return problem('BAD_REQUEST', { message: 'The Basic credential cannot be read.' })
        return guarded(async () => {
          const record = (await options.find(read.username)) ?? null
          const isRight = await options.check(record, read.password)
          if (record === null || isRight !== true)
            return problem('AUTHENTICATION_FAILED', {
              reason: record === null ? 'unknown account' : 'wrong password',
            })
          return principalOfRecord(record, 'basic', options.principal)
        })
      },
    }),
  }
}
