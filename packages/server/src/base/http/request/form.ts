/** Parser of `application/x-www-form-urlencoded`, as a body and as a query: no duplicate names, valid characters only. */
import { badCharacters, badRequest, duplicate, hasBadCharacters } from './text.ts'

const MAX_FIELDS = 200

/** @throws Problem BAD_REQUEST or VALIDATION_ERROR, which names the field if it is known */
export function parseForm(text: string): Record<string, string> {
  return parseRepeating(text, NO_NAMES) as Record<string, string>
}

const NO_NAMES: ReadonlySet<string> = new Set()

type Fields = Record<string, string | string[]>

/** As parseForm; of names that may repeat, the value is the list of what was sent. */
export function parseRepeating(text: string, repeats: ReadonlySet<string>): Fields {
  const fields: Fields = Object.create(null)
  // many texts are, and one look at the whole takes less than one at each name and value
  const isPlain = !ENCODED.test(text) && !hasBadCharacters(text)
  let pairs = 0
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf('&', start)
    const end = next === -1 ? text.length : next
    pairs += 1
    if (pairs > MAX_FIELDS) throw badRequest('There are too many fields.')
    if (end > start) {
      const equals = text.indexOf('=', start)
      const middle = equals === -1 || equals > end ? end : equals
      let name = text.slice(start, middle)
      let value = text.slice(middle + 1, end)
      if (!isPlain) {
        name = decoded(name)
        value = decoded(value, name)
        assertCharacters(name, value)
      }
      add(fields, name, value, repeats)
    }
    start = end + 1
  }
  return fields
}

function add(fields: Fields, name: string, value: string, repeats: ReadonlySet<string>): void {
  if (name === '__proto__') throw badName()
  const before = fields[name]
  if (repeats.has(name)) {
    if (Array.isArray(before)) before.push(value)
    else fields[name] = [value]
  } else if (before !== undefined) throw duplicate(name)
  else fields[name] = value
}

function assertCharacters(name: string, value: string): void {
  if (hasBadCharacters(name)) throw badName()
  if (hasBadCharacters(value)) throw badCharacters(name)
}
const badName = () => badRequest('The name of a field is not allowed.')

/** What needs decoding. */
const ENCODED = /[%+]/

function decoded(text: string, field?: string): string {
  if (!ENCODED.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw badRequest(
      'The encoding of a field is broken.',
      field === undefined ? undefined : { field, code: 'invalid', message: 'Is not encoded correctly.' },
    )
  }
}
