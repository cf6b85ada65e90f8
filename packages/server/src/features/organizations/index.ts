/**
 * Organizations: tenants, who belongs to them and as what, invitations, an organization's own roles. Owns the tables
 * of the same names and the session's choice of one; leaves what roles permit to base/roles, and sessions themselves
 * to `sessions`. Invariant: an organization always has an owner, and nobody inside it grants what they do not hold.
 */
export { memberships } from './membership.ts'
