/**
 * API keys: what a program is let in by on a person's behalf. Owns their form, making, rotating, revoking, their
 * check and their last use. Leaves finding the credential in a request to base/http, and what its maker may do
 * to `access`.
 */
export { apiKeyFeature } from './feature.ts'
export type { KeyView } from './fields.ts'
export { issueByOperator, type KeyOrder, listKeysByOperator, revokeByOperator } from './operator.ts'
