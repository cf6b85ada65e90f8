/** The `basic` method: a name and a password with every request (RFC 7617), looked up and checked by you. */
import { readBasic } from '../credentials.ts'
import { problem } from '../problem.ts'
import { type Awaitable, guarded, principalOfRecord, type ToPrincipal } from './callback.ts'
import { type MethodPlan, NO_SOURCES } from './method.ts'

export interface BasicOptions<R> {
  /** Finds an account by whatever field you let people name: user name, e-mail address … */
  find(identifier: string): Awaitable<R | null | undefined>
  /**
   * Checks the password. For an unknown account it is called with null: verify a dummy hash then, so that the
   * time of the answer does not tell whether the account exists. What it returns for null is not believed.
   */
  check(record: R | null, password: string): Awaitable<boolean>
  /** From the record to a principal. */
  principal?: ToPrincipal<R> | undefined
}

/**
 * Accepts `Authorization: Basic`. A wrong name and a wrong password are the same 401 `AUTHENTICATION_FAILED`.
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
      attempt({ explicit: sent }) {
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
