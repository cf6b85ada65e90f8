/** Envelope styles: how successes and failures are written. One file a style. */
import { ERRORS, type ErrorCode, type Problem } from '../errors.ts'

/** The values of an envelope besides data and error. */
export interface EnvelopeFields {
  status: number
  message: string
  requestId: string
  now: Date
  /** For lists: the cursor of the next page, null at the end; undefined for other answers. */
  nextCursor?: string | null | undefined
  publicUrl: string
}

export interface StyleWriter {
  /** `data` is JSON text, stripped of undeclared fields. */
  success(data: string, fields: EnvelopeFields): string
  failure(problem: Problem, fields: EnvelopeFields): string
  failureType: string
  /** Default: JSON. */
  successType?: string
  /** Further headers of all answers, as name-value pairs. */
  headers?: readonly string[]
  /** Without metadata: the next page of a list is in a `Link` header. */
  bare: boolean
}

export const JSON_TYPE = 'application/json; charset=utf-8'

/** The message followed by the errors of the fields, for styles that have one sentence and no details. */
export function sentence(problem: Problem): string {
  if (!Array.isArray(problem.details) || problem.details.length === 0) return problem.message
  return `${problem.message} (${problem.details.map(({ field, message }) => `${field}: ${message}`).join(' ')})`
}

/** The wordings that the clients of a style know, in place of the catalogue's; a more specific message is kept. */
export type Wordings = Readonly<Partial<Record<ErrorCode, string>>>
export const worded = (problem: Problem, wordings: Wordings): string =>
  (problem.message === ERRORS[problem.code].message ? wordings[problem.code] : undefined) ?? sentence(problem)

/**
 * Code and details for the styles that have one sentence only, as extension members: what a program needs to continue
 * (`details.attempt` of an expired password, `details.methods`) is in every style. Absent where there are none.
 */
export const extension = ({ code, details }: Problem): { code?: string; details?: Problem['details'] } =>
  details === undefined ? {} : { code, details }

/** JSON text of a cursor as the last members of a metadata object. */
export const cursorMember = (cursor: string | null | undefined): string =>
  cursor === undefined ? '' : `,"next_cursor":${JSON.stringify(cursor)}`

let lastTime = Number.NaN
let lastText = ''

/** The time in ISO 8601; many answers are of the same millisecond. */
export function isoTime(at: Date): string {
  if (at.getTime() !== lastTime) {
    lastTime = at.getTime()
    lastText = at.toISOString()
  }
  return lastText
}
