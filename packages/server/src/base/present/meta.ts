/** `meta`: `{version, success, code, message, request_id, data, meta | error:{type, details}}`. */
import { cursorMember, type Facts, JSON_TYPE, type StyleWriter } from './style.ts'

const head = (success: boolean, message: string, facts: Facts): string =>
  `{"version":"1.0","success":${success},"code":${facts.status},"message":${JSON.stringify(message)},"request_id":"${facts.requestId}"`

export const meta: StyleWriter = {
  failureType: JSON_TYPE,
  bare: false,
  success: (data, facts) =>
    `${head(true, facts.message, facts)},"data":${data},"meta":{"timestamp":"${facts.now.toISOString()}","version":"v1"${cursorMember(facts.nextCursor)}}}`,
  failure: (problem, facts) =>
    `${head(false, problem.message, facts)},"error":{"type":"${problem.type}","details":${JSON.stringify(problem.details ?? null)}}}`,
}
