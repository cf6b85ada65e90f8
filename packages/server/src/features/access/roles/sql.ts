/** Every statement of the access room; those that read all roles are core/roles'. */

import { sql } from 'kysely'
import type { Tx } from '../../../base/db/types.ts'
import type { AppPermission, Role } from '../../../core/roles/index.ts'

/** The roles of somebody who may act at all; null for others. */
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
): Promise<{ username: string | null; roles: string[] } | undefined> =>
  tx.selectFrom('users').select(['username', 'roles']).where('id', '=', userId).executeTakeFirst()

export async function updateUserRoles(tx: Tx, userId: string, roles: string[], now: Date): Promise<void> {
  await tx.updateTable('users').set({ roles, updated_at: now }).where('id', '=', userId).execute()
}

/** Whether anybody holds it, signed up or disabled ones included. */
export async function isHeld(tx: Tx, role: string): Promise<boolean> {
  const row = await tx
    .selectFrom('users')
    .select('id')
    .where(sql<boolean>`roles @> array[${role}]::text[]`)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

export async function insertRole(tx: Tx, role: Role): Promise<void> {
  await tx.insertInto('roles').values(role).execute()
}

export async function updateRole(
  tx: Tx,
  name: string,
  change: Partial<Omit<Role, 'name' | 'preset' | 'created_at'>>,
): Promise<void> {
  await tx.updateTable('roles').set(change).where('name', '=', name).execute()
}

/** Deletes a role, also from among those that others grant. */
export async function deleteRoleRow(tx: Tx, name: string): Promise<void> {
  await tx.deleteFrom('roles').where('name', '=', name).execute()
  await tx
    .updateTable('roles')
    .set({ grants: sql<string[]>`array_remove(grants, ${name})` })
    .where(sql<boolean>`${name} = any(grants)`)
    .execute()
}

/** @returns whether it is new */
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

/** Roles of organizations' own lose it. @returns the organizations that had such */
export async function takeFromOrganizations(tx: Tx, name: string): Promise<string[]> {
  const { rows } = await sql<{ organization_id: string }>`
    update organization_roles set permissions = array_remove(permissions, ${name})
    where ${name} = any(permissions) returning organization_id`.execute(tx)
  return [...new Set(rows.map((row) => row.organization_id))].sort()
}
