/** `problem`: the bare resource, or problem details with `code` and `request_id` as extension members (RFC 9457 §3). */
import { ERRORS } from '../errors.ts'
import type { StyleWriter } from './style.ts'

export const problem: StyleWriter = {
  failureType: 'application/problem+json',
  bare: true,
  success: (data) => data,
  failure: (failed, facts) =>
    JSON.stringify({
      type: `${facts.publicUrl}/api/docs#${failed.code}`,
      title: ERRORS[failed.code].message,
      status: facts.status,
      detail: failed.message,
      code: failed.code,
      request_id: facts.requestId,
      ...(failed.details === undefined ? {} : { details: failed.details }),
    }),
}
