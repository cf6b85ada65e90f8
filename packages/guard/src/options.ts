/**
 * Validation of options, when a guard is made: a misspelt name, a value of another type or one that can never match is
 * a TypeError that names the option, because an option that is ignored at run time may be the one that protects.
 */

/** What the value of an option must be, in words; null where it is. */
export type OptionCheck = (value: unknown) => string | null

/** A check for every option, so that none is forgotten. */
export type OptionTable<Options> = { readonly [Name in keyof Required<Options>]: OptionCheck }

/**
 * @param owner `jwt()`, for the message
 * @param required names of options that must not be absent
 * @throws TypeError for an unknown option, and for a value that its check refuses; undefined counts as absent
 */
export function assertOptions(
  owner: string,
  options: object,
  table: Readonly<Record<string, OptionCheck>>,
  required: readonly string[] = [],
): void {
  if (!isRecord(options)) throw new TypeError(`${owner} requires an object of options`)
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(table, name) ? table[name] : undefined
    if (check === undefined)
      throw new TypeError(unknownName(`${owner} has no option`, name, Object.keys(table)))
    const wanted = value === undefined ? null : check(value)
    if (wanted !== null) throw new TypeError(`${owner}: \`${name}\` must be ${wanted}`)
  }
  const missing = required.find((name) => options[name] === undefined)
  if (missing !== undefined) throw new TypeError(`${owner} requires \`${missing}\``)
}

/** `jwt() has no option clockTolerence; did you mean clockTolerance?` */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestOf(name, known)
  return `${what} ${name}${nearest === null ? `; it knows ${known.join(', ')}` : `; did you mean ${nearest}?`}`
}

/** The known name with the fewest edits, if these are fewer than half of its characters. */
function nearestOf(name: string, known: readonly string[]): string | null {
  const ranked = known
    .map((one) => ({ one, edits: editsBetween(name.toLowerCase().slice(0, 64), one.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)
  const [best] = ranked
  return best !== undefined && best.edits <= best.one.length / 2 ? best.one : null
}

/** Levenshtein distance. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== ''
export const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((member) => typeof member === 'string')

/** Any value: another check, which knows the other options, decides. */
export const anything: OptionCheck = () => null
export const text: OptionCheck = (value) => (isText(value) ? null : 'a string that is not empty')
export const flag: OptionCheck = (value) => (typeof value === 'boolean' ? null : 'true or false')
export const callable: OptionCheck = (value) => (typeof value === 'function' ? null : 'a function')
export const textOrTexts: OptionCheck = (value) =>
  isText(value) || (isTexts(value) && value.length > 0 && value.every(isText))
    ? null
    : 'a string, or a list of strings, none of them empty'
/** RFC 9110 §5.6.2 `token`: names of header fields and of cookies. */
export const token: OptionCheck = (value) => (isToken(value) ? null : 'a name without spaces or separators')
export const tokens: OptionCheck = (value) =>
  Array.isArray(value) && value.every(isToken) ? null : 'a list of names without spaces or separators'
const isToken = (value: unknown): boolean => typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)

export const nullOr =
  (check: OptionCheck): OptionCheck =>
  (value) => {
    const wanted = value === null ? null : check(value)
    return wanted === null ? null : `${wanted}; or null`
  }
export const either =
  (...checks: readonly OptionCheck[]): OptionCheck =>
  (value) => {
    const wanted = checks.map((check) => check(value))
    return wanted.includes(null) ? null : wanted.join(', or ')
  }
export const oneOf =
  (known: readonly unknown[]): OptionCheck =>
  (value) =>
    known.includes(value) ? null : `one of ${known.join(', ')}`
/** @param unit in words, for the message */
export const amount =
  (unit: string, least: number, most: number): OptionCheck =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most
      ? null
      : `a number of ${unit} from ${least} to ${most}`
export const count =
  (least: number, most: number): OptionCheck =>
  (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most
      ? null
      : `a whole number from ${least} to ${most}`
/** Exact origins of browsers (RFC 6454 §6.2), of which one can equal an `Origin` field. */
export const origins: OptionCheck = (value) =>
  isTexts(value) && value.every((one) => isOrigin(one))
    ? null
    : 'a list of origins such as https://app.example.com, without a path or a wildcard'
// a URL may contain an asterisk, an `Origin` field does not
const isOrigin = (one: string): boolean =>
  URL.canParse(one) && new URL(one).origin === one && !one.includes('*')
