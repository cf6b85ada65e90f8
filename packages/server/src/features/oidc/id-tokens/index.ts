/**
 * ID tokens: making them, and reading those that apps send back as hints. Leaves their keys to core/keys, and who gets one to
 * `token`.
 */
export { makeIdToken, readIdTokenHint } from './id-tokens.ts'
