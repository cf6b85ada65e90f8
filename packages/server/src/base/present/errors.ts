/** `errors`: `{errors, status_code, value}`; `errors` has code and details where there are details. */
import { extension, JSON_TYPE, type StyleWriter, type Wordings, worded } from './style.ts'

const WORDINGS: Wordings = {
  AUTHENTICATION_REQUIRED: 'Authorization header missing',
  TOKEN_EXPIRED: 'Token has expired',
}

export const errors: StyleWriter = {
  failureType: JSON_TYPE,
  bare: true,
  success: (data, fields) => `{"errors":null,"status_code":${fields.status},"value":${data}}`,
  failure: (problem, fields) =>
    JSON.stringify({
      errors: { error: worded(problem, WORDINGS), ...extension(problem) },
      status_code: fields.status,
      value: null,
    }),
}
