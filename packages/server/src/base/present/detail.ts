/** `detail`: the bare resource, or `{detail}`, with code and details where there are details. */
import { extension, JSON_TYPE, type StyleWriter, type Wordings, worded } from './style.ts'

const WORDINGS: Wordings = { AUTHENTICATION_REQUIRED: 'Not authenticated' }

export const detail: StyleWriter = {
  failureType: JSON_TYPE,
  bare: true,
  success: (data) => data,
  failure: (problem) => JSON.stringify({ detail: worded(problem, WORDINGS), ...extension(problem) }),
}
