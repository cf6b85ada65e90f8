/**
 * Administration: what somebody with the permission does to other people's accounts: finding, making, changing,
 * locking, disabling and deleting them, and ending their sessions. Leaves roles to `access`, the rules of an account
 * to `users`, what a lock refuses to core/locks, and the audit log to `audit-log`.
 *
 * Invariants: nobody acts on somebody whose permissions reach beyond their own, or takes their own account away;
 * the last administrator can be neither disabled, deleted nor locked; what is refused is refused before it is told
 * apart from anything else about the person; every change says in the audit log who made it.
 */
export { unlockByOperator } from './operator.ts'
export { administrationRoutes } from './routes.ts'
