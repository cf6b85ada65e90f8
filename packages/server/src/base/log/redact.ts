/**
 * What may be written to a log of what it is given: a copy in plain JSON values, without secrets, bounded in
 * size, whatever its depth, cycles or getters. A secret is known by the name of its key, or by its shape
 * wherever it stands in a text (shapes.ts).
 * Invariant: nothing reaches the log but through `toLogged`; the test throws secrets at every position.
 */
import { ERRORS } from '../errors.ts'
import { REDACTED, scrub } from './shapes.ts'

const DEEPEST = 8
const MOST_ENTRIES = 100
const MOST_VALUES = 2000

/** Anywhere in a key, written together: `newPassword`, `x-csrf-token`, `set_cookie`. */
const SECRET_PARTS =
  /passw(?:or)?d|passphrase|secret|token|cookie|authorization|csrf|credential|apikey|privatekey|otpauth|recoverycode|backupcode|samlresponse|assertion|verifier/
/** A whole key. `code` is one, whatever it says: an authorization code, one from a letter, a backup code. */
const SECRET_KEYS = new Set(['code', 'otp', 'totp', 'pin', 'pass', 'jwt', 'link', 'links', 'seed'])
/** The last word of a key that only says something about a secret: `token_type`, `cookieName`. */
const HARMLESS = new Set(['type', 'profile', 'count', 'name', 'kind', 'id', 'at', 'lifetime', 'in', 'bytes'])

function isSecretKey(key: string): boolean {
  const words = key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  if (words.length > 1 && HARMLESS.has(words.at(-1) ?? '')) return false
  return SECRET_KEYS.has(words.join('_')) || SECRET_PARTS.test(words.join(''))
}

/** Keys are few and come again and again. */
const known = new Map<string, { name: string; secret: boolean }>()

function keyOf(key: string): { name: string; secret: boolean } {
  const found = known.get(key)
  if (found) return found
  const name = scrub(key)
  const judged = { name, secret: isSecretKey(name) }
  if (known.size < 1000 && key.length < 64 && name === key) known.set(key, judged)
  return judged
}

/** Under a secret key whatever could hold one goes; whether there is one, and our own error codes, may stay. */
function underSecretKey(value: unknown): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value
  return typeof value === 'string' && Object.hasOwn(ERRORS, value) ? value : REDACTED
}

/** One walk over one value: what stands above the present place, and how many values may still be written. */
interface Walk {
  above: object[]
  left: number
}

export const toLogged = (fields: Record<string, unknown>): Record<string, unknown> =>
  entriesOf(fields, { above: [fields], left: MOST_VALUES })

function toJson(value: unknown, walk: Walk): unknown {
  walk.left -= 1
  if (typeof value === 'string') return scrub(value)
  if (typeof value === 'bigint') return scrub(String(value))
  if (typeof value === 'function' || typeof value === 'symbol') return `<${typeof value}>`
  if (typeof value !== 'object' || value === null) return value
  if (walk.above.includes(value)) return '<circular>'
  if (walk.above.length > DEEPEST || walk.left < 0) return '<more>'
  walk.above.push(value)
  const out = objectToJson(value, walk)
  walk.above.pop()
  return out
}

function objectToJson(value: object, walk: Walk): unknown {
  if (value instanceof Error) return errorToJson(value, walk)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof URL || value instanceof RegExp || value instanceof URLSearchParams)
    return scrub(String(value))
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`
  if (value instanceof Map) return pairsOf([...value], walk)
  if (Array.isArray(value)) return listOf(value, walk)
  if (value instanceof Set) return listOf([...value], walk)
  return entriesOf(value, walk)
}

/** A value that follows a name is under it: raw headers are lists of names and values in turn. */
function listOf(list: readonly unknown[], walk: Walk): unknown[] {
  return list.slice(0, MOST_ENTRIES).map((entry, i) => {
    const before = list[i - 1]
    const named = typeof before === 'string' && before.length < 64 && keyOf(before).secret
    return named ? underSecretKey(entry) : toJson(entry, walk)
  })
}

function entriesOf(value: object, walk: Walk): Record<string, unknown> {
  const read = (key: string): unknown => {
    try {
      return (value as Record<string, unknown>)[key]
    } catch {
      return '<unreadable>'
    }
  }
  const keys = Object.keys(value).slice(0, MOST_ENTRIES)
  return pairsOf(keys.map((key) => [key, read(key)]), walk) // biome-ignore format: one thought
}

function pairsOf(pairs: readonly (readonly [unknown, unknown])[], walk: Walk): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [key, value] of pairs.slice(0, MOST_ENTRIES)) {
    const { name, secret } = keyOf(typeof key === 'symbol' ? '<symbol>' : String(key))
    const logged = secret ? underSecretKey(value) : toJson(value, walk)
    Object.defineProperty(out, name, { value: logged, enumerable: true, configurable: true, writable: true })
  }
  return out
}

/** Of an error's own properties only these: drivers hang statements and their parameters on it. */
const ERROR_PROPERTIES = [
  'code', 'errno', 'syscall', 'hostname', 'address', 'port', 'severity', 'schema', 'table', 'column', 'constraint',
  'routine', 'status', 'responseCode', 'command',
] as const // biome-ignore format: a list

function errorToJson(error: Error, walk: Walk): Record<string, unknown> {
  const out: Record<string, unknown> = {
    type: scrub(String(error.name)),
    message: scrub(String(error.message)),
  }
  for (const name of ERROR_PROPERTIES) {
    const value: unknown = Reflect.get(error, name)
    if (typeof value === 'string') out[name] = scrub(value)
    if (typeof value === 'number') out[name] = value
  }
  if (typeof error.stack === 'string') out.stack = scrub(error.stack)
  if (error.cause !== undefined) out.cause = toJson(error.cause, walk)
  if (error instanceof AggregateError) out.errors = error.errors.slice(0, 5).map((one) => toJson(one, walk))
  return out
}
