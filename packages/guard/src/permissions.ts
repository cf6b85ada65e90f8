/**
 * The arithmetic of permissions: whether one list covers another, what is missing, and their intersection. Pure
 * functions and the only implementation; `can` checks a single permission.
 * Invariant: they agree with the sets of single permissions that the lists grant (property test).
 */
import { can } from './can.ts'

/**
 * Finds a permission that is not covered.
 *
 * @param held grants, `resource:action` with `*` for any
 * @param wanted grants as well; a pattern is covered by a grant that covers everything that it matches
 * @returns the first of `wanted` that `held` does not cover; undefined where all are covered
 */
export function lacking(held: readonly string[], wanted: readonly string[]): string | undefined {
  const holder = { permissions: held }
  return wanted.find((one) => !can(holder, one))
}

/**
 * Checks whether one list of grants covers another: a holder of `held` may then grant `wanted`, or act on a user who has it.
 *
 * @param held grants, `resource:action` with `*` for any
 * @param wanted grants as well
 * @returns true where `held` covers each of `wanted`
 */
export const covers = (held: readonly string[], wanted: readonly string[]): boolean =>
  lacking(held, wanted) === undefined

/**
 * The intersection of two lists of grants. Two patterns of which neither covers the other may intersect: `users:*` and
 * `*:read` in `users:read`.
 *
 * @param wanted grants, `resource:action` with `*` for any
 * @param held grants as well
 * @returns grants of exactly what both lists grant: sorted, without duplicates, frozen
 */
export function within(wanted: readonly string[], held: readonly string[]): readonly string[] {
  const met = wanted.flatMap((one) => held.flatMap((other) => meet(one, other) ?? []))
  return Object.freeze([...new Set(met)].sort())
}

function meet(a: string, b: string): string | null {
  if (a === '*') return b
  if (b === '*') return a
  const [resourceA = '', actionA] = a.split(':', 2)
  const [resourceB = '', actionB] = b.split(':', 2)
  const resource = both(resourceA, resourceB)
  const action = both(actionA, actionB)
  return resource && action ? `${resource}:${action}` : null
}

function both(a: string | undefined, b: string | undefined): string | null {
  if (!a || !b) return null
  if (a === '*') return b
  return b === '*' || a === b ? a : null
}
