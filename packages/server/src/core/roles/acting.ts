/**
 * The active organization of a credential and the role in it: the SQL fragment that every check of a credential
 * shares. After the user has left the organization, or it was deleted, there is no active organization; nor where the
 * credential does not meet the organization's security policy (core/policies.ts).
 */
import { type RawBuilder, sql } from 'kysely'
import type { CallOrganization } from '../../base/call.ts'
import { type DemandRow, POLICY, POLICY_DEMAND, POLICY_JOIN, type PolicyRow } from '../policies.ts'
import type { Roles } from './index.ts'

/** A role in an organization. */
export interface RoleRow {
  acting_in: string | null
  acting_as: string | null
  own_permissions: string[] | null
  own_inherits: string | null
}
export type ActingRow = RoleRow & PolicyRow
export type ActingDemandRow = RoleRow & DemandRow

const ROLE = sql`o.id as acting_in, m.role as acting_as, r.permissions as own_permissions, r.inherits as own_inherits`

export const ACTING = sql`${ROLE}, ${POLICY}`
/** The same without the connections of the policy, where one credential is checked. */
export const ACTING_DEMAND = sql`${ROLE}, ${POLICY_DEMAND}`

/** @param of the alias of a table with `user_id` and `organization_id` */
export const actingJoins = (of: string): RawBuilder<unknown> => sql`
  left join memberships m on m.organization_id = ${sql.ref(`${of}.organization_id`)} and m.user_id = ${sql.ref(`${of}.user_id`)}
  left join organizations o on o.id = m.organization_id and o.deleted_at is null
  left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role ${POLICY_JOIN}`

/**
 * The organization with the member's permissions, without regard to its policy; a custom role that was deleted has no
 * permissions.
 */
export function organizationOf(
  roles: Pick<Roles, 'organizationPermissionsOf'>,
  row: RoleRow,
): CallOrganization | null {
  const { acting_in: id, acting_as: role } = row
  if (id === null || role === null) return null
  const own =
    row.own_permissions === null ? null : { permissions: row.own_permissions, inherits: row.own_inherits }
  return { id, role, permissions: roles.organizationPermissionsOf(role, own) }
}
