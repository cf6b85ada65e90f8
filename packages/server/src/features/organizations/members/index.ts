/**
 * Members of an organization: listing, adding, changing roles, removing, leaving, transferring ownership. Owns the
 * pages and the API of members; leaves the membership check to `membership` and how people join to `invitations`.
 * Invariant: an organization always has an active owner.
 */
export { memberFeature } from './feature.ts'
export {
  leaveAllOrganizations,
  lockOrganizationsOf,
  type NamedOrganization,
  previewDeparture,
} from './leaving.ts'
export { isMemberAnywhere } from './sql.ts'
