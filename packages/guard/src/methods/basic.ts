/**
 * The `basic` method: HTTP Basic authentication (RFC 7617), with callbacks that find an account and check its
 * password.
 */
import { readBasic } from '../credentials.ts'
import { amount, assertOptions, callable, type OptionTable } from '../options.ts'
import type { Principal } from '../principal.ts'
import { type Problem, problem } from '../problem.ts'
import { type Awaitable, callbacks, type ToPrincipal } from './callback.ts'
import { type MethodPlan, NO_SOURCES } from './method.ts'

export interface BasicOptions<R> {
  /** @returns the account with this user name or e-mail address; null or undefined where there is none */
  find(identifier: string): Awaitable<R | Problem | null | undefined>
  /**
   * Checks the password. It is called with null for an unknown account: verify a dummy hash then, so that the response
   * time does not reveal whether the account exists. The result for null is ignored.
   */
  check(record: R | null, password: string): Awaitable<boolean | Problem>
  /** Converts a record to the fields of a principal. */
  principal?: ToPrincipal<R> | undefined
  /** The time in which each callback must answer, in milliseconds; 10,000 by default. */
  timeout?: number | undefined
}

const OPTIONS: OptionTable<BasicOptions<unknown>> = {
  find: callable,
  check: callable,
  principal: callable,
  timeout: amount('milliseconds', 1, 600_000),
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
    open() {
      assertOptions('basic()', options, OPTIONS, ['find', 'check'])
      const { check, principal, timeout } = options
      const { call, find, principalOf } = callbacks({
        owner: 'basic()',
        method: 'basic',
        refusal: 'AUTHENTICATION_FAILED',
        timeout,
      })
      return {
        name: 'basic',
        schemes: ['Basic'],
        sources: { ...NO_SOURCES, recognizes: ({ kind }) => kind === 'basic' },
        authenticate({ explicit: sent }) {
          if (sent === null || sent.kind !== 'basic' || sent.isTooLong) return undefined
          const read = readBasic(sent.value)
          if (read === null)
            return problem('BAD_REQUEST', { message: 'The Basic credential cannot be read.' })
          return find<R, Principal>(
            () => options.find(read.username),
            (record) =>
              call<boolean | Problem, Principal>(
                'check',
                () => check(record, read.password),
                (isRight) => {
                  if (record === null) return problem('AUTHENTICATION_FAILED', { reason: 'unknown account' })
                  if (typeof isRight !== 'boolean') throw new TypeError('true or false is required')
                  if (!isRight) return problem('AUTHENTICATION_FAILED', { reason: 'wrong password' })
                  return principalOf(record, principal)
                },
              ),
          )
        },
      }
    },
  }
}
