/** The SQL of resources. */
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { ResourcesTable } from '../../../core/clients/tables.ts'

export type StoredResource = Selectable<ResourcesTable>

/** Those of the server in the order of their ids; as a caller, those that row-level security permits. */
export const selectResources = (tx: Tx, after: string | null, rows: number): Promise<StoredResource[]> => {
  const all = tx
    .selectFrom('resources')
    .selectAll()
    .where('organization_id', 'is', null)
    .orderBy('id')
    .limit(limitOf(rows))
  return (after === null ? all : all.where('id', '>', after)).execute()
}

export const selectResource = (tx: Tx, id: string): Promise<StoredResource | undefined> =>
  tx
    .selectFrom('resources')
    .selectAll()
    .where('organization_id', 'is', null)
    .where('id', '=', id)
    .executeTakeFirst()

/** Serializes changes of the resources of the server, so that concurrent ones are counted (advisory lock until the commit). */
export async function lockResources(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey resources', 0))`.execute(tx)
}

export async function countResources(tx: Tx): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from resources where organization_id is null`.execute(tx)
  return rows[0]?.count ?? 0
}

/** @returns false where the identifier is taken */
export async function insertResource(tx: Tx, row: Insertable<ResourcesTable>): Promise<boolean> {
  const inserted = await tx
    .insertInto('resources')
    .values(row)
    .onConflict((on) => on.column('identifier').doNothing())
    .returning('id')
    .executeTakeFirst()
  return inserted !== undefined
}

export async function updateResource(tx: Tx, id: string, change: Updateable<ResourcesTable>): Promise<void> {
  await tx.updateTable('resources').set(change).where('id', '=', id).execute()
}

export async function removeResource(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('resources').where('id', '=', id).execute()
}

/** Those of the names that are scopes of a resource of the organization, or of the server (null). As the system. */
export async function selectScopesAmong(
  tx: Tx,
  organizationId: string | null,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set()
  const { rows } = await sql<{ name: string }>`
    select distinct s.name from resources r, jsonb_to_recordset(r.scopes) as s (name text)
    where r.organization_id ${organizationId === null ? sql`is null` : sql`= ${organizationId}`}
      and s.name = any(${[...names]}::text[])`.execute(tx)
  return new Set(rows.map(({ name }) => name))
}
