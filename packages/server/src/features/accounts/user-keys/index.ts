/**
 * API keys of other users, for administrators: listing and revoking them. Leaves what a key is and how it ends to
 * `access/api-keys`, and who may act on whom to `administration`. Invariant: no administrator revokes a key of a user
 * who has a permission that the administrator lacks; the audit log records the administrator.
 */
export { userKeyFeature } from './feature.ts'
