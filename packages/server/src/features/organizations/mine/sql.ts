/** The SQL of a user's own organizations. */
import { type RawBuilder, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { ActingRow } from '../../../core/roles/acting.ts'
import type { OwnOrganization } from '../organization/index.ts'

export type OwnOrganizationRow = OwnOrganization['organization'] & ActingRow

const ownOrganizations = (userId: string): RawBuilder<unknown> => sql`
  select o.*, o.id as acting_in, m.role as acting_as, r.permissions as own_permissions, r.inherits as own_inherits
  from memberships m
  join organizations o on o.id = m.organization_id
  left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role
  where m.user_id = ${userId}`

/** By id. Deleted organizations are listed for their owners. */
export async function selectOwnOrganizations(
  tx: Tx,
  userId: string,
  after: string | null,
  limit: number,
): Promise<OwnOrganizationRow[]> {
  const { rows } = await sql<OwnOrganizationRow>`${ownOrganizations(userId)}
    and (o.deleted_at is null or m.role = 'owner') ${after === null ? sql`` : sql`and o.id > ${after}`}
    order by o.id limit ${limitOf(limit)}`.execute(tx)
  return rows
}

/** One that is not deleted; undefined if the user does not belong to it. */
export async function selectOwnOrganization(
  tx: Tx,
  userId: string,
  organizationId: string,
): Promise<OwnOrganizationRow | undefined> {
  const { rows } = await sql<OwnOrganizationRow>`${ownOrganizations(userId)}
    and o.id = ${organizationId} and o.deleted_at is null`.execute(tx)
  return rows[0]
}
