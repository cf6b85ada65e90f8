/** Parser of `application/x-www-form-urlencoded`, as a body and as a query: no duplicate names, valid characters only. */
import { badCharacters, badRequest, duplicate, hasBadCharacters } from './text.ts'

const MAX_FIELDS = 200

/** @throws Problem BAD_REQUEST or VALIDATION_ERROR, which names the field if it is known */
export function parseForm(text: string): Record<string, string> {
  return parseRepeating(text, NO_NAMES) as Record<string, string>
}

const NO_NAMES: ReadonlySet<string> = new Set()

/** As parseForm; of names that may repeat, the value is the list of what was sent. */
export function parseRepeating(
  text: string,
  repeats: ReadonlySet<string>,
): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null)
  if (text === '') return fields
  const pairs = text.split('&', MAX_FIELDS + 1)
  if (pairs.length > MAX_FIELDS) throw badRequest('There are too many fields.')
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decoded(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decoded(pair.slice(equals + 1), name)
    if (name === '__proto__' || hasBadCharacters(name))
      throw badRequest('The name of a field is not allowed.')
    if (hasBadCharacters(value)) throw badCharacters(name)
    const before = fields[name]
    if (repeats.has(name)) fields[name] = [...(before ?? []), value]
    else if (before !== undefined) throw duplicate(name)
    else fields[name] = value
  }
  return fields
}

/** What needs decoding; most names and values have neither. */
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
