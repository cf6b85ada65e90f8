/** `errors`: `{errors, status_code, value}`. */
import { JSON_TYPE, type StyleWriter, sentence } from './style.ts'

export const errors: StyleWriter = {
  failureType: JSON_TYPE,
  bare: true,
  success: (data, facts) => `{"errors":null,"status_code":${facts.status},"value":${data}}`,
  failure: (problem, facts) =>
    `{"errors":{"error":${JSON.stringify(sentence(problem))}},"status_code":${facts.status},"value":null}`,
}
