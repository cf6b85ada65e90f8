/**
 * The account lifecycle: disabling, locking and deleting accounts, and the rule that there is always an administrator.
 * Owns the columns `status` and `locked_…` of `users` once an account is active. Leaves creating accounts to `users`,
 * and whether a caller may act on an account to `administration`.
 */
export { assertNotLastAdministrator } from './last-administrator.ts'
export {
  deletePendingUsers,
  deleteUser,
  disableUser,
  enableUser,
  lockUser,
  unlockUser,
} from './lifecycle.ts'
export { hasActiveHolder, isLastAdministrator } from './sql.ts'
