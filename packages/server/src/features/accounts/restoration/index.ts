/**
 * After a restored backup: `latchkey tokens revoke --all-before` ends what the backup brings back. Owns no table:
 * each module ends what it owns. Leaves passwords, addresses and the state of accounts to the operator, who knows
 * what has changed since the backup.
 */
export { type RevocationCounts, revokeAllBefore } from './restoration.ts'
