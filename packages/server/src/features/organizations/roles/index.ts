/**
 * The roles of an organization: the built-in ones and its own. Owns the table `organization_roles`, what a role
 * permits there, and the check that a caller grants no role beyond their permissions; leaves the built-in roles and
 * the arithmetic of permissions to core/roles.
 */
export { organizationRoleFeature } from './feature.ts'
export {
  assertMayActOnRole,
  assertMayGrantRole,
  listGrantableRoles,
  mayUserGrantRole,
  permissionsOfRole,
  permissionsOfRoles,
} from './grants.ts'
export { MemberRole } from './view.ts'
