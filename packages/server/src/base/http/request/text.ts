/** What no text of a request may hold, whichever way it comes in: body, query, path. */
import { type FieldError, Problem } from '../../errors.ts'

/** NUL cannot be stored by PostgreSQL; half a surrogate pair is no character and changes when it is written. */
export const hasBadCharacters = (text: string): boolean => text.includes('\0') || /\p{Surrogate}/u.test(text)

export const badRequest = (message: string, detail?: FieldError): Problem =>
  new Problem('BAD_REQUEST', { message, details: detail ? [detail] : undefined })

export const badCharacters = (field: string): Problem =>
  new Problem('VALIDATION_ERROR', {
    details: [{ field, code: 'invalid_characters', message: 'Contains characters that are not allowed.' }],
  })

export const duplicate = (field: string): Problem =>
  badRequest('A name is given more than once.', {
    field,
    code: 'duplicate',
    message: 'Is given more than once.',
  })
