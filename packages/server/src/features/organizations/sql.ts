/** The statements of organizations themselves, and of what somebody is in one. */
import { type CompiledQuery, sql } from 'kysely'
import type { OrganizationsTable } from '../../base/db/tables.ts'
import type { Statements, Tx } from '../../base/db/types.ts'
import type { ActingRow } from '../../base/roles/acting.ts'

export type OrganizationRow = Omit<OrganizationsTable, 'name_key'>
const COLUMNS = ['id', 'name', 'slug', 'created_at', 'updated_at', 'deleted_at', 'purge_at'] as const
/** An organization, and what somebody is in it. */
export type StandingRow = OrganizationRow & ActingRow

/** Compiled once: the user, the organization, whether a deleted one counts. No row where there is no such organization. */
export const membershipCheck = (
  db: Statements,
): CompiledQuery<ActingRow & { id: string; deleted_at: Date | null }> =>
  sql<ActingRow & { id: string; deleted_at: Date | null }>`
    select o.id, o.deleted_at, m.organization_id as acting_in, m.role as acting_as, r.permissions as own_permissions,
      r.inherits as own_inherits
    from organizations o
    left join memberships m on m.organization_id = o.id and m.user_id = ${''}
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role
    where o.id = ${''} and (o.deleted_at is null or ${false}::boolean)`.compile(db)

/**
 * Until the end of the transaction nobody else changes who is what in the organization. Whoever holds several takes
 * them in the order of their ids; whoever holds a user as well takes that one after them.
 */
export const lockOrganization = (tx: Tx, id: string): Promise<OrganizationRow | undefined> =>
  tx.selectFrom('organizations').select(COLUMNS).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

/** Whether there is such a user who may act; nobody deletes or disables them meanwhile. */
export async function holdUser(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`select 1 from users where id = ${id} and status = 'active' for share`.execute(tx)
  return rows.length > 0
}

/** Nobody gives the user a membership until the end of the transaction. */
export async function holdUserAlone(tx: Tx, id: string): Promise<void> {
  await sql`select 1 from users where id = ${id} for update`.execute(tx)
}

/** @returns false where the slug is taken */
export async function insertOrganization(tx: Tx, row: OrganizationRow): Promise<boolean> {
  const made = await tx
    .insertInto('organizations')
    .values(row)
    .onConflict((conflict) => conflict.column('slug').doNothing())
    .returning('id')
    .executeTakeFirst()
  return made !== undefined
}

export const selectOrganization = (tx: Tx, id: string): Promise<OrganizationRow | undefined> =>
  tx.selectFrom('organizations').select(COLUMNS).where('id', '=', id).executeTakeFirst()

export async function updateOrganization(
  tx: Tx,
  id: string,
  change: Partial<Pick<OrganizationRow, 'name' | 'slug'>>,
  now: Date,
): Promise<OrganizationRow | undefined> {
  return await tx
    .updateTable('organizations')
    .set({ ...change, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** @returns the row to the one who deleted it */
export const updateDeleted = (
  tx: Tx,
  id: string,
  now: Date,
  purgeAt: Date,
): Promise<OrganizationRow | undefined> =>
  tx
    .updateTable('organizations')
    .set({ deleted_at: now, purge_at: purgeAt, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returning(COLUMNS)
    .executeTakeFirst()

export const updateRestored = (tx: Tx, id: string, now: Date): Promise<OrganizationRow | undefined> =>
  tx
    .updateTable('organizations')
    .set({ deleted_at: null, purge_at: null, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is not', null)
    .where('purge_at', '>', now)
    .returning(COLUMNS)
    .executeTakeFirst()

/** Those whose time is over, the longest first. */
export async function selectDue(tx: Tx, now: Date, limit: number): Promise<string[]> {
  const rows = await tx
    .selectFrom('organizations')
    .select('id')
    .where('purge_at', '<=', now)
    .orderBy('purge_at')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/** For good, with all that is its; unless it was restored meanwhile. @returns its name */
export async function deleteDue(tx: Tx, id: string, now: Date): Promise<string | null> {
  const row = await tx
    .deleteFrom('organizations')
    .where('id', '=', id)
    .where('purge_at', '<=', now)
    .returning('name')
    .executeTakeFirst()
  return row?.name ?? null
}

/** Keys made in the organization, which go with it. */
export async function selectKeysIn(tx: Tx, id: string): Promise<string[]> {
  const rows = await tx.selectFrom('api_keys').select('id').where('organization_id', '=', id).execute()
  return rows.map((row) => row.id)
}

/** What somebody belongs to, by id; of the deleted ones those that they own. */
export async function selectOwn(
  tx: Tx,
  userId: string,
  after: string | null,
  limit: number,
): Promise<StandingRow[]> {
  const { rows } = await sql<StandingRow>`
    select o.*, o.id as acting_in, m.role as acting_as, r.permissions as own_permissions, r.inherits as own_inherits
    from memberships m
    join organizations o on o.id = m.organization_id
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role
    where m.user_id = ${userId} and (o.deleted_at is null or m.role = 'owner')
      and (${after}::text is null or o.id > ${after})
    order by o.id limit ${limit}`.execute(tx)
  return rows
}

/** Beyond every character that a key may continue with. */
const LAST = '\u{10ffff}'

/** All that there are, by id; with a prefix, those whose name or slug begins with it. */
export async function selectAll(
  tx: Tx,
  which: { prefix: string | null; after: string | null; limit: number },
): Promise<OrganizationRow[]> {
  const { prefix, after, limit } = which
  const begins =
    prefix === null
      ? sql`true`
      : sql`id in (
          select id from organizations where name_key >= ${prefix} and name_key < ${prefix + LAST}
          union all select id from organizations where slug >= ${prefix} and slug < ${prefix + LAST})`
  const { rows } = await sql<OrganizationRow>`
    select * from organizations where ${begins} and (${after}::text is null or id > ${after})
    order by id limit ${limit}`.execute(tx)
  return rows
}

/** Makes whoever else makes one for the same person wait, so that theirs can be counted. */
export async function countOwned(tx: Tx, userId: string): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`organizations ${userId}`}, 0))`.execute(tx)
  const { count } = await tx
    .selectFrom('memberships')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('user_id', '=', userId)
    .where('role', '=', 'owner')
    .executeTakeFirstOrThrow()
  return count
}
