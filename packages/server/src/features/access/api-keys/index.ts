/**
 * API keys: credentials of programs that act for a user. Owns their format, creation, rotation, revocation, check and
 * last use. Leaves finding the credential in a request to base/http, and the permissions of the owner to `roles`.
 */
export type { KeyChecks } from './checks.ts'
export { apiKeyFeature } from './feature.ts'
export { ApiKeyView } from './fields.ts'
export { endKey, endKeysBefore, endKeysOf } from './keys.ts'
export {
  issueKeyByOperator,
  listKeysByOperator,
  listKeysOf,
  type OperatorKey,
  revokeKeyByOperator,
} from './operator.ts'
