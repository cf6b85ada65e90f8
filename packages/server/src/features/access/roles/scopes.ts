/**
 * What is left of a permission when another bounds it. `can` of the guard says whether one covers the other;
 * where neither does, two patterns may still meet: `users:*` and `*:read` in `users:read`.
 * Invariant: whatever the bounded permissions allow, both sides allow (property test).
 */

import { can } from '@latchkey/guard'

/** `resource:action`, either of them `*`, or `*` alone. */
export const PERMISSION = /^(?:\*|(?:\*|[a-z][a-z0-9_-]*):(?:\*|[a-z][a-z0-9_-]*))$/

/** Whether whoever holds these may do all of those: grant them, or act on somebody who has them. */
export const covers = (held: readonly string[], wanted: readonly string[]): boolean =>
  wanted.every((one) => can({ permissions: held }, one))

const known = new Map<string, readonly string[]>()

/** Those of `wanted` that lie within `held`, cut down where they reach beyond. Remembered: keys come with every request. */
export function within(wanted: readonly string[], held: readonly string[]): readonly string[] {
  const name = `${wanted.join(' ')}|${held.join(' ')}`
  let meeting = known.get(name)
  if (!meeting) {
    const found = wanted.flatMap((one) => held.flatMap((other) => meet(one, other) ?? []))
    meeting = Object.freeze([...new Set(found)].sort())
    if (known.size > 1000) known.clear()
    known.set(name, meeting)
  }
  return meeting
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
