/**
 * Access: which roles exist and what they permit. Owns the presets and the sum of permissions a set of roles
 * comes to, and what of it lies within others; leaves judging a single permission to the guard's `can`. Roles are
 * data: a name, permissions, the roles it inherits and those its holders may grant.
 */
export { adminRole, defaultRole, isRole, permissionsOf, primaryRole } from './roles.ts'
export { PERMISSION, within } from './scopes.ts'
