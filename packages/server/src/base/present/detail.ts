/** `detail`: the bare resource, or `{detail}`. */
import { JSON_TYPE, type StyleWriter, sentence } from './style.ts'

export const detail: StyleWriter = {
  failureType: JSON_TYPE,
  bare: true,
  success: (data) => data,
  failure: (problem) => `{"detail":${JSON.stringify(sentence(problem))}}`,
}
