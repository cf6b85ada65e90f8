/** The SQL of a user's own organizations. */
import { sql } from 'kysely'
import type { StoredProof } from '../../../base/assurance.ts'
import { limitOf } from '../../../base/db/limit.ts'
import { columnsOf } from '../../../base/db/named-columns.ts'
import type { Tx } from '../../../base/db/types.ts'
import { POLICY, POLICY_JOIN, type PolicyRow } from '../../../core/policies.ts'
import type { RoleRow } from '../../../core/roles/acting.ts'
import type { ownOrganizationView } from '../organization/index.ts'

/** An organization as its member sees it. */
export type ListedOrganization = Parameters<typeof ownOrganizationView>[0]
export type OwnOrganizationRow = ListedOrganization['organization'] & RoleRow

/** By id. Deleted organizations are listed for their owners. @param only among these; null: all */
export async function selectOwnOrganizations(
  tx: Tx,
  userId: string,
  after: string | null,
  limit: number,
  only: readonly string[] | null,
): Promise<OwnOrganizationRow[]> {
  const { rows } = await sql<OwnOrganizationRow>`
    select ${columnsOf('organizations', 'o')}, o.id as acting_in, m.role as acting_as, r.permissions as own_permissions, r.inherits as own_inherits
    from memberships m
    join organizations o on o.id = m.organization_id
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role
    where m.user_id = ${userId} and (o.deleted_at is null or m.role = 'owner') ${after === null ? sql`` : sql`and o.id > ${after}`}
      ${only === null ? sql`` : sql`and o.id = any(${[...only]}::text[])`}
    order by o.id limit ${limitOf(limit)}`.execute(tx)
  return rows
}

/** With the policy, and what the session has proven. */
export type OwnOrganizationWithPolicy = OwnOrganizationRow & PolicyRow & { proofs: StoredProof[] | null }

/** One that is not deleted; undefined if the user does not belong to it. */
export async function selectOwnOrganization(
  tx: Tx,
  userId: string,
  organizationId: string,
  sessionId: string,
): Promise<OwnOrganizationWithPolicy | undefined> {
  const { rows } = await sql<OwnOrganizationWithPolicy>`
    select ${columnsOf('organizations', 'o')}, o.id as acting_in, m.role as acting_as, r.permissions as own_permissions, r.inherits as own_inherits,
      (select s.proofs from sessions s where s.id = ${sessionId}) as proofs, ${POLICY}
    from memberships m
    join organizations o on o.id = m.organization_id and o.deleted_at is null
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role ${POLICY_JOIN}
    where m.user_id = ${userId} and m.organization_id = ${organizationId}`.execute(tx)
  return rows[0]
}
