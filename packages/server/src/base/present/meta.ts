/** `meta`: `{version, success, code, message, request_id, data, meta | error:{type, details}}`. */
import { cursorMember, type EnvelopeFields, JSON_TYPE, type StyleWriter } from './style.ts'

const head = (success: boolean, message: string, fields: EnvelopeFields): string =>
  `{"version":"1.0","success":${success},"code":${fields.status},"message":${JSON.stringify(message)},"request_id":"${fields.requestId}"`

export const meta: StyleWriter = {
  failureType: JSON_TYPE,
  bare: false,
  success: (data, fields) =>
    `${head(true, fields.message, fields)},"data":${data},"meta":{"timestamp":"${fields.now.toISOString()}","version":"v1"${cursorMember(fields.nextCursor)}}}`,
  failure: (problem, fields) =>
    `${head(false, problem.message, fields)},"error":{"type":"${problem.type}","details":${JSON.stringify(problem.details ?? null)}}}`,
}
