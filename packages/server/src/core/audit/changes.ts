/** What an event records of a change: the names of what differs, and their values before and after. */

type Values = Readonly<Record<string, unknown>>

/** The names of values that are others than before, compared as JSON. */
export const differing = (from: Values, to: Values): string[] =>
  Object.keys(to).filter((name) => JSON.stringify(from[name]) !== JSON.stringify(to[name]))

/** Of these values, those of these names. */
export const only = (names: readonly string[], values: Values): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, values[name]]))
