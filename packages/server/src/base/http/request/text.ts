/** Characters that no text of a request may contain, in body, query and path alike. */
import { type FieldError, Problem } from '../../errors.ts'

/** PostgreSQL cannot store NUL; an unpaired surrogate is no character, and encoding it changes it. */
export const hasBadCharacters = (text: string): boolean => text.includes('\0') || !text.isWellFormed()

export const badRequest = (message: string, detail?: FieldError): Problem =>
  new Problem('BAD_REQUEST', { message, details: detail ? [detail] : undefined })

export const badCharacters = (field: string): Problem =>
  new Problem('VALIDATION_ERROR', {
    details: [{ field, code: 'invalid_characters', message: 'Contains characters that are not allowed.' }],
  })

export const duplicate = (field: string): Problem =>
  badRequest('The request has a name more than once.', {
    field,
    code: 'duplicate',
    message: 'Is present more than once.',
  })
