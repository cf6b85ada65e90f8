/**
 * The arithmetic of permissions: whether a list covers another, what it lacks, and what is left of one within the
 * other. Pure, and the one place where it is decided; whether a single permission is granted is `can`.
 * Invariant: it agrees with the sets of single permissions that the lists grant (property test).
 */
import { can } from './can.ts'

/**
 * The first permission that is not covered.
 *
 * @param held grants, `resource:action` with `*` for any
 * @param wanted grants as well: a pattern is covered by a grant that covers everything it matches
 */
export function lacking(held: readonly string[], wanted: readonly string[]): string | undefined {
  const holder = { permissions: held }
  return wanted.find((one) => !can(holder, one))
}

/** Whether a holder of these may do all of those: give them to others, or act on a person who has them. */
export const covers = (held: readonly string[], wanted: readonly string[]): boolean =>
  lacking(held, wanted) === undefined

/**
 * Those of `wanted` that lie within `held`, cut down where they reach further. Where neither of two patterns covers
 * the other they may still meet: `users:*` and `*:read` in `users:read`.
 *
 * @returns sorted, without repeats, frozen; it permits exactly what both lists permit
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
