/**
 * Roles of the server, the permissions of the app, the roles of users, and audit events of denied access. Owns the
 * tables `roles` and `permissions`, and the column `users.roles` after a user is created. Leaves the permissions of
 * roles to core/roles, the decision about a single permission to the guard's `can`, and the rule that there is always
 * an administrator to `lifecycle`.
 */
export { denials } from './denials.ts'
export { roleFeature } from './feature.ts'
export { replaceRolesByOperator, replaceUserRoles } from './holders.ts'
export { describedPermissions } from './pages.tsx'
export { assertMayGrantServerRole, assertNotBeyond, lockReach } from './reach.ts'
export { roleName } from './texts.ts'
export { Permissions, permissionSentence } from './views.tsx'
