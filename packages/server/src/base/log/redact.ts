/**
 * Redaction: copies log fields to plain JSON values without secrets, bounded in size, for any depth, cycles or
 * getters. A secret is recognized by the name of its key, or by its shape at any position in a text (shapes.ts).
 * Invariant: all fields reach the log through `toLogged`; the test places secrets at every position.
 */
import { ERRORS } from '../errors.ts'
import { REDACTED, scrub } from './shapes.ts'

const DEEPEST = 8
const MOST_ENTRIES = 100
const MOST_VALUES = 2000

/** Matched anywhere in a key without its separators: `newPassword`, `x-csrf-token`, `set_cookie`. */
const SECRET_PARTS =
  /passw(?:or)?d|passphrase|secret|token|cookie|authorization|csrf|credential|apikey|privatekey|otpauth|recoverycode|backupcode|samlresponse|assertion|verifier/
/** Whole keys. `code` includes authorization codes, codes in e-mails and backup codes. */
const SECRET_KEYS = new Set(['code', 'otp', 'totp', 'pin', 'pass', 'jwt', 'link', 'links', 'seed'])
/** Last words of keys that describe a secret without containing it: `token_type`, `cookieName`. */
const HARMLESS = new Set(['type', 'profile', 'count', 'name', 'kind', 'id', 'at', 'lifetime', 'in', 'bytes'])

function isSecretKey(key: string): boolean {
  const words = key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  if (words.length > 1 && HARMLESS.has(words.at(-1) ?? '')) return false
  return SECRET_KEYS.has(words.join('_')) || SECRET_PARTS.test(words.join(''))
}

/** Cache: keys are few and repeated. */
const known = new Map<string, { name: string; secret: boolean }>()

function keyOf(key: string): { name: string; secret: boolean } {
  const found = known.get(key)
  if (found) return found
  const name = scrub(key)
  const judged = { name, secret: isSecretKey(name) }
  if (known.size < 1000 && key.length < 64 && name === key) known.set(key, judged)
  return judged
}

/** Redacts the value of a secret key; null, booleans and our error codes are kept. */
function underSecretKey(value: unknown): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value
  return typeof value === 'string' && Object.hasOwn(ERRORS, value) ? value : REDACTED
}

/** The state of a traversal: the ancestors of the current value, and how many values may still be written. */
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

/** In a list, a value after a secret name is redacted: raw headers are lists of alternating names and values. */
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
  return pairsOf(keys.map((key) => [key, read(key)]), walk) // biome-ignore format: it reads as one line
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

/** The properties of errors that are logged. Drivers add others, such as statements and their parameters. */
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
