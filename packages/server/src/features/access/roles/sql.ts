/** Every SQL statement of roles and permissions that writes; core/roles reads them. */

import { sql } from 'kysely'
import type { Tx } from '../../../base/db/types.ts'
import type { AppPermission, Role } from '../../../core/roles/index.ts'

/** The roles of an active user; null for other users. */
export async function selectRolesOfActive(tx: Tx, userId: string): Promise<string[] | null> {
  const row = await tx
    .selectFrom('users')
    .select('roles')
    .where('id', '=', userId)
    .where('status', '=', 'active')
    .executeTakeFirst()
  return row?.roles ?? null
}

export const selectHolder = (
  tx: Tx,
  userId: string,
): Promise<{ username: string | null; roles: string[]; status: string } | undefined> =>
  tx.selectFrom('users').select(['username', 'roles', 'status']).where('id', '=', userId).executeTakeFirst()

export async function updateUserRoles(tx: Tx, userId: string, roles: string[], now: Date): Promise<void> {
  await tx.updateTable('users').set({ roles, updated_at: now }).where('id', '=', userId).execute()
}

/** Whether a user has the role, pending and disabled users included. */
export async function hasHolder(tx: Tx, role: string): Promise<boolean> {
  const row = await tx
    .selectFrom('users')
    .select('id')
    .where(sql<boolean>`roles @> array[${role}]::text[]`)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

export async function insertServerRole(tx: Tx, role: Role): Promise<void> {
  await tx.insertInto('roles').values(role).execute()
}

export async function updateServerRole(
  tx: Tx,
  name: string,
  change: Partial<Omit<Role, 'name' | 'preset' | 'created_at'>>,
): Promise<void> {
  await tx.updateTable('roles').set(change).where('name', '=', name).execute()
}

/** Deletes a role, and removes it from what other roles grant. */
export async function deleteRoleRow(tx: Tx, name: string): Promise<void> {
  await tx.deleteFrom('roles').where('name', '=', name).execute()
  await tx
    .updateTable('roles')
    .set({ grants: sql<string[]>`array_remove(grants, ${name})` })
    .where(sql<boolean>`${name} = any(grants)`)
    .execute()
}

/** @returns false where a permission with the name exists */
export async function insertPermission(tx: Tx, permission: AppPermission): Promise<boolean> {
  const row = await tx
    .insertInto('permissions')
    .values(permission)
    .onConflict((on) => on.column('name').doNothing())
    .returning('name')
    .executeTakeFirst()
  return row !== undefined
}

export async function deletePermissionRow(tx: Tx, name: string): Promise<void> {
  await tx.deleteFrom('permissions').where('name', '=', name).execute()
}

/** Removes a permission from the roles of organizations. @returns the ids of the organizations with such a role */
export async function removeFromOrganizations(tx: Tx, name: string): Promise<string[]> {
  const { rows } = await sql<{ organization_id: string }>`
    update organization_roles set permissions = array_remove(permissions, ${name})
    where ${name} = any(permissions) returning organization_id`.execute(tx)
  return [...new Set(rows.map((row) => row.organization_id))].sort()
}
