/** `scim`: the bare resource, or the error message of RFC 7644 §3.12. The style of SCIM's rows, for every `Accept`. */
import type { ErrorCode } from '../errors.ts'
import { type StyleWriter, sentence } from './style.ts'

const SCIM_TYPE = 'application/scim+json'

/** `scimType` by code, for problems without a `protocolError` (RFC 7644 table 9); other codes have none. */
export const SCIM_ERRORS: Readonly<Partial<Record<ErrorCode, string>>> = {
  VALIDATION_ERROR: 'invalidValue',
  BAD_REQUEST: 'invalidSyntax',
  CONFLICT: 'uniqueness',
}

export const scim: StyleWriter = {
  failureType: SCIM_TYPE,
  successType: SCIM_TYPE,
  bare: true,
  success: (data) => data,
  failure: (problem, fields) =>
    JSON.stringify({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      // §3.12: a string
      status: `${fields.status}`,
      scimType: problem.protocolError ?? SCIM_ERRORS[problem.code],
      detail: sentence(problem),
    }),
}
