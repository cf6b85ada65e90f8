/** `standard`: `{success, code, message, data | error, request_id, version, metadata}`. */
import { cursorMember, type EnvelopeFields, isoTime, JSON_TYPE, type StyleWriter } from './style.ts'

const tail = (fields: EnvelopeFields): string =>
  `"request_id":"${fields.requestId}","version":"1.0","metadata":{"timestamp":"${isoTime(fields.now)}","version":"v1","request_id":"${fields.requestId}"${cursorMember(fields.nextCursor)}}}`

export const standard: StyleWriter = {
  failureType: JSON_TYPE,
  bare: false,
  success: (data, fields) =>
    `{"success":true,"code":${fields.status},"message":${JSON.stringify(fields.message)},"data":${data},${tail(fields)}`,
  failure(problem, fields) {
    const message = JSON.stringify(problem.message)
    const error = `{"code":"${problem.code}","type":"${problem.type}","message":${message},"details":${JSON.stringify(problem.details ?? null)}}`
    return `{"success":false,"code":${fields.status},"message":${message},"error":${error},${tail(fields)}`
  },
}
