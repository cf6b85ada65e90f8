/** `meta`: `{version, success, code, message, request_id, data, meta | error:{code, type, details}}`. */
import type { Problem } from '../errors.ts'
import { cursorMember, type EnvelopeFields, isoTime, JSON_TYPE, type StyleWriter } from './style.ts'

const head = (success: boolean, message: string, fields: EnvelopeFields): string =>
  `{"version":"1.0","success":${success},"code":${fields.status},"message":${JSON.stringify(message)},"request_id":"${fields.requestId}"`

/** Always an object; errors of fields as a list of messages by field. */
function detailsOf({ details = {} }: Problem): Record<string, unknown> {
  if (!Array.isArray(details)) return details
  // a field may have any name, `__proto__` included
  const messages = new Map<string, string[]>()
  for (const { field, message } of details) messages.set(field, [...(messages.get(field) ?? []), message])
  return Object.fromEntries(messages)
}

export const meta: StyleWriter = {
  failureType: JSON_TYPE,
  bare: false,
  success: (data, fields) =>
    `${head(true, fields.message, fields)},"data":${data},"meta":{"timestamp":"${isoTime(fields.now)}","version":"v1"${cursorMember(fields.nextCursor)}}}`,
  failure: (problem, fields) =>
    `${head(false, problem.message, fields)},"error":{"code":"${problem.code}","type":"${problem.type}","details":${JSON.stringify(detailsOf(problem))}}}`,
}
