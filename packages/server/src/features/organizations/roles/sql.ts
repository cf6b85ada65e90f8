/** The SQL of an organization's own roles. */
import { sql } from 'kysely'
import type { Tx } from '../../../base/db/types.ts'
import type { OrganizationRolesTable } from './tables.ts'

export const selectOwnRoles = (tx: Tx, organizationId: string): Promise<OrganizationRolesTable[]> =>
  tx
    .selectFrom('organization_roles')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .orderBy('name')
    .execute()

export const selectOwnRolesNamed = (
  tx: Tx,
  organizationId: string,
  names: readonly string[],
): Promise<OrganizationRolesTable[]> =>
  tx
    .selectFrom('organization_roles')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('name', 'in', names)
    .execute()

export const selectOwnRole = (
  tx: Tx,
  organizationId: string,
  name: string,
): Promise<OrganizationRolesTable | undefined> =>
  tx
    .selectFrom('organization_roles')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('name', '=', name)
    .executeTakeFirst()

/** @returns false if the name is taken */
export async function insertOwnRole(tx: Tx, role: OrganizationRolesTable): Promise<boolean> {
  const row = await tx
    .insertInto('organization_roles')
    .values(role)
    .onConflict((conflict) => conflict.columns(['organization_id', 'name']).doNothing())
    .returning('name')
    .executeTakeFirst()
  return row !== undefined
}

export async function updateOwnRole(
  tx: Tx,
  organizationId: string,
  name: string,
  change: Partial<Pick<OrganizationRolesTable, 'description' | 'permissions' | 'inherits'>>,
  now: Date,
): Promise<OrganizationRolesTable | undefined> {
  return await tx
    .updateTable('organization_roles')
    .set({ ...change, updated_at: now })
    .where('organization_id', '=', organizationId)
    .where('name', '=', name)
    .returningAll()
    .executeTakeFirst()
}

export async function deleteOwnRole(tx: Tx, organizationId: string, name: string): Promise<boolean> {
  const row = await tx
    .deleteFrom('organization_roles')
    .where('organization_id', '=', organizationId)
    .where('name', '=', name)
    .returning('name')
    .executeTakeFirst()
  return row !== undefined
}

/** The connections, also those that are not active, whose settings give the role. */
export async function selectConnectionsGiving(
  tx: Tx,
  organizationId: string,
  name: string,
): Promise<{ id: string; name: string }[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select c.id, c.name from connections c
    where c.organization_id = ${organizationId} and (c.settings ->> 'default_role' = ${name}
      or c.settings -> 'group_roles' @> jsonb_build_array(jsonb_build_object('role', ${name}::text)))
    order by c.id`.execute(tx)
  return rows
}

/** Whether a member has the role, or an open invitation names it. */
export async function isRoleInUse(tx: Tx, organizationId: string, name: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from memberships where organization_id = ${organizationId} and role = ${name}
    union all
    select 1 from invitations
    where organization_id = ${organizationId} and role = ${name} and accepted_at is null and revoked_at is null
    limit 1`.execute(tx)
  return rows.length > 0
}
