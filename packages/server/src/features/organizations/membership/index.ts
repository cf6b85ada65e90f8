/**
 * Membership: what a caller is in an organization, and the row locks under which that changes. Owns the table
 * `memberships`; the statements that many modules of this wing need are here, those of one module are with it.
 * Leaves what a role permits to `roles`, and what an organization is to `organization`.
 * Invariant: who belongs to an organization as what changes only while its row is locked, and the caller's membership
 * is read again under that lock.
 */
export { recordOrganizationEvent } from './events.ts'
export { organizationChecks } from './lookup.ts'
export {
  assertCovers,
  ensureOwner,
  findMembership,
  findOrganization,
  inside,
  type LockedOrganization,
  lockAsMember,
  OneOrganization,
} from './membership.ts'
export {
  addMembership,
  countOtherMembers,
  lockActiveUser,
  lockOrganization,
  type OrganizationRow,
} from './sql.ts'
