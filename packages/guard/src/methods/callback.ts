/** What methods with callbacks of yours have in common: a record becomes a principal, a thrown error a refusal. */
import { fieldsOf, makePrincipal, type Principal, type PrincipalFields } from '../principal.ts'
import { asProblem, type Problem } from '../problem.ts'

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>

/** Makes a principal of what your callback found. By default the record's usual names are read. */
export type ToPrincipal<R> = (record: R) => PrincipalFields

export const principalOfRecord = <R>(
  record: R,
  method: string,
  toPrincipal: ToPrincipal<R> | undefined,
): Principal => makePrincipal(toPrincipal ? toPrincipal(record) : fieldsOf(record), method, record)

/** Runs what may throw; nothing that a callback throws lets anybody through. */
export async function guarded<T>(work: () => Awaitable<T>): Promise<T | Problem> {
  try {
    return await work()
  } catch (error) {
    return asProblem(error)
  }
}
