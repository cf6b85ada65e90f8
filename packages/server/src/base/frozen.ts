/** Freezes a value that requests share, with all that it contains. Dates are not frozen: they cannot be. */
export function deepFrozen<V>(value: V): V {
  if (typeof value !== 'object' || value === null || value instanceof Date || Object.isFrozen(value))
    return value
  for (const member of Object.values(value)) deepFrozen(member)
  return Object.freeze(value)
}
