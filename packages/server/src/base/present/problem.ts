/** `problem`: the bare resource, or problem details with `code` and `request_id` as extension members (RFC 9457 §3). */
import { ERRORS } from '../errors.ts'
import type { StyleWriter } from './style.ts'

export const problem: StyleWriter = {
  failureType: 'application/problem+json',
  bare: true,
  success: (data) => data,
  failure: (failed, fields) =>
    JSON.stringify({
      type: `${fields.publicUrl}/api/docs#${failed.code}`,
      title: ERRORS[failed.code].message,
      status: fields.status,
      detail: failed.message,
      code: failed.code,
      request_id: fields.requestId,
      ...(failed.details === undefined ? {} : { details: failed.details }),
    }),
}
