/**
 * Members of an organization: listing, adding, changing roles, removing, leaving, transferring ownership. Owns the
 * pages and the API of members, and joining by a sign-in; leaves the membership check to `membership` and joining by an
 * invitation to `invitations`.
 * Invariant: an organization always has an active owner.
 */
export { memberFeature } from './feature.ts'
export { type JoinedOrganization, joinByConnection, lockJoining } from './joining.ts'
export {
  leaveAllOrganizations,
  lockOrganizationsOf,
  type NamedOrganization,
  previewDeparture,
} from './leaving.ts'
export { findOrganizationFor, isMemberAnywhere, listMemberConnections } from './sql.ts'
