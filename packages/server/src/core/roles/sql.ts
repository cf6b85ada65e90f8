/** The statements that load roles and presets. Changes of roles are the access feature's. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../base/db/types.ts'
import type { PresetRole } from './presets.ts'
import type { PermissionsTable, RolesTable } from './tables.ts'

export const readStoredRoles = (db: Statements): Promise<RolesTable[]> =>
  db.selectFrom('roles').selectAll().orderBy('rank').orderBy('name').execute()

export const readStoredPermissions = (db: Statements): Promise<PermissionsTable[]> =>
  db.selectFrom('permissions').selectAll().orderBy('name').execute()

/** Serializes changes of roles and of their holders until this transaction ends (advisory lock). */
export async function lockRoles(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey roles', 0))`.execute(tx)
}

/** Creates the roles of a preset; an existing role of the same name becomes the preset's. */
export async function upsertPreset(
  tx: Tx,
  preset: string,
  roles: readonly PresetRole[],
  now: Date,
): Promise<void> {
  const rows = roles.map(({ name, description, permissions, inherits, grants }, rank) => ({
    name,
    description,
    permissions: [...permissions],
    inherits: [...inherits],
    grants: [...grants],
    rank,
    preset,
    requires_mfa: false,
    created_at: now,
    updated_at: now,
  }))
  await tx
    .insertInto('roles')
    .values(rows)
    .onConflict((on) =>
      on.column('name').doUpdateSet((of) => ({
        description: of.ref('excluded.description'),
        permissions: of.ref('excluded.permissions'),
        inherits: of.ref('excluded.inherits'),
        grants: of.ref('excluded.grants'),
        rank: of.ref('excluded.rank'),
        preset: of.ref('excluded.preset'),
        updated_at: of.ref('excluded.updated_at'),
      })),
    )
    .execute()
}
