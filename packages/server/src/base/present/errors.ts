/** `errors`: `{errors, status_code, value}`. */
import { JSON_TYPE, type StyleWriter, sentence } from './style.ts'

export const errors: StyleWriter = {
  failureType: JSON_TYPE,
  bare: true,
  success: (data, fields) => `{"errors":null,"status_code":${fields.status},"value":${data}}`,
  failure: (problem, fields) =>
    `{"errors":{"error":${JSON.stringify(sentence(problem))}},"status_code":${fields.status},"value":null}`,
}
