/** `standard`: `{success, code, message, data | error, request_id, version, metadata}`. */
import { cursorMember, type Facts, JSON_TYPE, type StyleWriter } from './style.ts'

const tail = (facts: Facts): string =>
  `"request_id":"${facts.requestId}","version":"1.0","metadata":{"timestamp":"${facts.now.toISOString()}","version":"v1","request_id":"${facts.requestId}"${cursorMember(facts.nextCursor)}}}`

export const standard: StyleWriter = {
  failureType: JSON_TYPE,
  bare: false,
  success: (data, facts) =>
    `{"success":true,"code":${facts.status},"message":${JSON.stringify(facts.message)},"data":${data},${tail(facts)}`,
  failure(problem, facts) {
    const message = JSON.stringify(problem.message)
    const error = `{"code":"${problem.code}","type":"${problem.type}","message":${message},"details":${JSON.stringify(problem.details ?? null)}}`
    return `{"success":false,"code":${facts.status},"message":${message},"error":${error},${tail(facts)}`
  },
}
