/** Parser of `application/x-www-form-urlencoded`, as a body and as a query: no duplicate names, valid characters only. */
import { badCharacters, badRequest, duplicate, hasBadCharacters } from './text.ts'

const MAX_FIELDS = 200

/** @throws Problem BAD_REQUEST or VALIDATION_ERROR, which names the field if it is known */
export function parseForm(text: string): Record<string, string> {
  const fields: Record<string, string> = Object.create(null)
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
    if (Object.hasOwn(fields, name)) throw duplicate(name)
    if (hasBadCharacters(value)) throw badCharacters(name)
    fields[name] = value
  }
  return fields
}

function decoded(text: string, field?: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw badRequest(
      'The encoding of a field is broken.',
      field === undefined ? undefined : { field, code: 'invalid', message: 'Is not encoded correctly.' },
    )
  }
}
