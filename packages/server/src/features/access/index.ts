/**
 * Access: who may change which roles and who holds them. Leaves what roles permit to base/roles, and judging a
 * single permission to the guard's `can`.
 */
export { covers, PERMISSION, within } from './scopes.ts'
