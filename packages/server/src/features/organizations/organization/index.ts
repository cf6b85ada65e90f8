/**
 * Organizations: creating, changing, deleting and restoring one. Owns the table `organizations` and the pages of one
 * organization; leaves who belongs to it to `membership` and `members`, and which one a session acts in to `mine`.
 * Invariant: a deleted organization is invisible except to its owners and server administrators; after its grace
 * period it is purged with all its rows, and its slug is free.
 */

export { deleteEmptyOrganization, restoreOrganization } from './deletion.ts'
export { organizationFeature } from './feature.ts'
export { organizationOperations } from './operations.ts'
export {
  createOrganization,
  createOrganizationByOperator,
  ensureOrganizations,
  mayCreateOrganization,
} from './organizations.ts'
export { listOwners } from './sql.ts'
export {
  ActiveOrganizationView,
  activeOrganizationView,
  OrganizationName,
  OrganizationSlug,
  OwnOrganizationView,
  ownOrganizationView,
} from './view.ts'
