/** What an envelope style is: how a success and a failure are written around what they say. One file a style. */
import type { Problem } from '../errors.ts'

/** What a body tells about its request. */
export interface Facts {
  status: number
  message: string
  requestId: string
  now: Date
  /** For lists: the next page's cursor, null at the end; undefined for what is no list. */
  nextCursor?: string | null | undefined
  publicUrl: string
}

export interface StyleWriter {
  /** `data` is JSON text already; an undeclared field cannot get back in. */
  success(data: string, facts: Facts): string
  failure(problem: Problem, facts: Facts): string
  failureType: string
  /** Default: JSON. */
  successType?: string
  /** Further headers of every answer, as name-value pairs. */
  headers?: readonly string[]
  /** Styles without room for metadata name the next page of a list in a `Link` header. */
  bare: boolean
}

export const JSON_TYPE = 'application/json; charset=utf-8'

/** The message, with what is wrong with each field: for styles that have one sentence and no details. */
export function sentence(problem: Problem): string {
  if (!Array.isArray(problem.details) || problem.details.length === 0) return problem.message
  return `${problem.message} (${problem.details.map(({ field, message }) => `${field}: ${message}`).join(' ')})`
}

/** What may stand between quotes in `error_description`, as a member and in a header (RFC 6749 §5.2, RFC 6750 §3). */
export const asQuotedText = (text: string): string => text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")

/** JSON text of a cursor as the last members of a metadata object. */
export const cursorMember = (cursor: string | null | undefined): string =>
  cursor === undefined ? '' : `,"next_cursor":${JSON.stringify(cursor)}`
