/**
 * Access: who may change which roles, the app's own permissions, and who holds roles; that somebody lacked a
 * permission, in the audit log. Owns the tables `roles` and `permissions` and the column `users.roles` once somebody
 * exists. Leaves what roles permit to core/roles, judging a single permission to the guard's `can`, and that there is
 * always an administrator to `users`.
 */

export { denials } from './denials.ts'
export { roleFeature } from './feature.ts'
export { PERMISSION } from './fields.ts'
export { describedPermissions } from './pages.tsx'
export { assertMayGive, assertNotBeyond, lockReach } from './reach.ts'
export { roleName } from './texts.ts'
export { Permissions, sentenceOf } from './views.tsx'
