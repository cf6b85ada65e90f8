/**
 * Callbacks of the app: the one primitive that runs them, used by every method. An answer is awaited, also that of a
 * thenable such as a query builder, within a time limit, and judged before it is used. What is thrown, and an answer
 * that is no principal, refuses the credential; the operator sees the cause, the caller does not. A problem that a
 * callback returns is the refusal, as if it had been thrown.
 */
import { isRecord } from '../options.ts'
import {
  fieldsOf,
  isPromiseLike,
  judgedFields,
  makePrincipal,
  type Principal,
  type PrincipalFields,
} from '../principal.ts'
import { AppFault, Problem, type ProblemCode, problem } from '../problem.ts'

/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>

/** Converts the record that a callback returned to a principal. The default reads the common names of a record. */
export type ToPrincipal<R> = (record: R) => Awaitable<PrincipalFields | Problem | null | undefined>

/** The time in which a callback must have answered, in milliseconds, where the `timeout` option does not set it. */
export const CALLBACK_TIMEOUT = 10_000

export interface Callbacks {
  /**
   * Runs a callback and passes its answer on; synchronous where the callback is.
   *
   * @param name of the option, for the log
   * @param next judges the answer, which is no problem; a TypeError that it throws refuses the credential
   */
  call<T, Out>(
    name: string,
    work: () => Awaitable<T>,
    next: (answer: Exclude<T, Problem>) => Out | Problem | Promise<Out | Problem>,
  ): Out | Problem | Promise<Out | Problem>
  /**
   * Runs a callback that finds a record, which is an object. Null and undefined mean that there is none; any other
   * answer refuses the credential, because `false` or a list would otherwise count as a record.
   *
   * @param next receives the record, or null
   */
  find<R, Out>(
    work: () => Awaitable<R | Problem | null | undefined>,
    next: (record: R | null) => Out | Problem | Promise<Out | Problem>,
  ): Out | Problem | Promise<Out | Problem>
  /** The principal of a record, by the `principal` callback of the app or the common names of a record. */
  principalOf<R>(
    record: R,
    toPrincipal: ToPrincipal<R> | undefined,
    known?: Partial<PrincipalFields>,
  ): Principal | Problem | Promise<Principal | Problem>
}

export interface CallbackPlan {
  /** `apiKey()`, for the log. */
  owner: string
  /** The `method` of principals. */
  method: string
  /** The code with which a faulty callback refuses the credential. */
  refusal: ProblemCode
  /** Milliseconds */
  timeout?: number | undefined
}

export function callbacks({ owner, method, refusal, timeout = CALLBACK_TIMEOUT }: CallbackPlan): Callbacks {
  const faultOf = (name: string, error: unknown): Problem =>
    error instanceof Problem
      ? error
      : problem(refusal, {
          reason: `the callback \`${name}\` of ${owner} failed`,
          cause: new AppFault(`${owner}: \`${name}\` failed: ${messageOf(error)}`, error),
        })
  const late = (name: string): Problem => {
    const text = `\`${name}\` has not answered within ${timeout} ms`
    return problem('UNAVAILABLE', {
      reason: `the callback ${text}`,
      cause: new AppFault(`${owner}: ${text}`),
    })
  }
  const self: Callbacks = {
    call<T, Out>(
      name: string,
      work: () => Awaitable<T>,
      next: (answer: Exclude<T, Problem>) => Out | Problem | Promise<Out | Problem>,
    ) {
      const judge = (answer: T): Out | Problem | Promise<Out | Problem> =>
        answer instanceof Problem ? answer : next(answer as Exclude<T, Problem>)
      try {
        const answer = work()
        if (!isPromiseLike(answer)) return judge(answer as T)
        return within<T>(answer, timeout, () => late(name))
          .then(judge)
          .catch((error: unknown) => faultOf(name, error))
      } catch (error) {
        return faultOf(name, error)
      }
    },
    find<R, Out>(
      work: () => Awaitable<R | Problem | null | undefined>,
      next: (record: R | null) => Out | Problem | Promise<Out | Problem>,
    ) {
      return self.call('find', work, (answer) => {
        if (answer === null || answer === undefined) return next(null)
        if (!isRecord(answer)) throw new TypeError('an object is required, or null where there is none')
        return next(answer as R)
      })
    },
    principalOf(record, toPrincipal, known) {
      const make = (fields: unknown): Principal =>
        makePrincipal({ ...known, ...judgedFields(fields) }, method, record)
      return toPrincipal === undefined
        ? self.call('find', () => fieldsOf(record), make)
        : self.call('principal', () => toPrincipal(record), make)
    },
  }
  return self
}

/** Rejects with `late()` after the time; the answer that may still come is then ignored, also if it is a rejection. */
export function within<T>(answer: Awaitable<T>, milliseconds: number, late: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), milliseconds)
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

/** Runs a callback whose answer is not needed; it may be asynchronous, and its failure is printed. */
export function callSafely(callback: () => unknown): void {
  const print = (error: unknown): void => console.error('latchkey guard:', error)
  try {
    const answer = callback()
    if (isPromiseLike(answer)) Promise.resolve(answer).catch(print)
  } catch (error) {
    print(error)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
