/**
 * User administration: listing, searching, creating, changing, locking, disabling and deleting other users' accounts,
 * and ending their sessions. Leaves roles to `access`, the rules of an account to `users`, the effect of a lock to
 * core/locks, and the audit log to `audit-log`.
 *
 * Invariants: no administrator acts on a user who has a permission that the administrator lacks, or locks, disables or
 * deletes their own account here; the last administrator can be neither disabled, deleted nor locked; permission is
 * checked before the account's state, so that a refusal reveals nothing else about it; the audit log records the
 * administrator of every change.
 */
export { administrationFeature } from './feature.ts'
export {
  deleteUserByOperator,
  resetMfaByOperator,
  setRolesByOperator,
  unlockUserByOperator,
} from './operator.ts'
export { asAdministrator, assertMayActOnUser } from './target.ts'
