/** The SQL of organizations. */
import { sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import { columnsOf } from '../../../base/db/named-columns.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { OrganizationRow } from '../membership/index.ts'

/** Reads and clears the organization that an active user named at sign-up, in one statement: one caller gets it. */
export async function clearOrganizationRequest(
  tx: Tx,
  userId: string,
): Promise<{ name: string; username: string | null } | null> {
  const { rows } = await sql<{ name: string; username: string | null }>`
    with requested as materialized (
      select id, organization_wish from users
      where id = ${userId} and status = 'active' and organization_wish is not null for no key update
    )
    update users u set organization_wish = null from requested r where u.id = r.id
    returning r.organization_wish as name, u.username`.execute(tx)
  return rows[0] ?? null
}

/** @returns false if the slug is taken */
export async function insertOrganization(tx: Tx, row: OrganizationRow): Promise<boolean> {
  const made = await tx
    .insertInto('organizations')
    .values(row)
    .onConflict((conflict) => conflict.column('slug').doNothing())
    .returning('id')
    .executeTakeFirst()
  return made !== undefined
}

/** Locks the rows in the order of their ids. Without deleted ones. */
export async function lockOrganizationsBySlug(
  tx: Tx,
  slugs: readonly string[],
): Promise<{ id: string; slug: string }[]> {
  const { rows } = await sql<{ id: string; slug: string }>`
    select id, slug from organizations where slug = any(${slugs}::text[]) and deleted_at is null
    order by id for no key update`.execute(tx)
  return rows
}

export async function updateOrganizationFields(
  tx: Tx,
  id: string,
  change: Partial<Pick<OrganizationRow, 'name' | 'slug' | 'description' | 'logo_url'>>,
  now: Date,
): Promise<OrganizationRow | undefined> {
  return await tx
    .updateTable('organizations')
    .set({ ...change, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
}

/** @returns the row, if this call deleted it */
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
    .returningAll()
    .executeTakeFirst()

export const updateRestored = (tx: Tx, id: string, now: Date): Promise<OrganizationRow | undefined> =>
  tx
    .updateTable('organizations')
    .set({ deleted_at: null, purge_at: null, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is not', null)
    .where('purge_at', '>', now)
    .returningAll()
    .executeTakeFirst()

/** Organizations whose grace period is over, the oldest first. */
export async function selectDueOrganizations(tx: Tx, now: Date, limit: number): Promise<string[]> {
  const rows = await tx
    .selectFrom('organizations')
    .select('id')
    .where('purge_at', '<=', now)
    .orderBy('purge_at')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/** With all rows that refer to it, unless it was restored meanwhile. @returns its name */
export async function deleteDueOrganization(tx: Tx, id: string, now: Date): Promise<string | null> {
  const row = await tx
    .deleteFrom('organizations')
    .where('id', '=', id)
    .where('purge_at', '<=', now)
    .returning('name')
    .executeTakeFirst()
  return row?.name ?? null
}

/** API keys of the organization, which are deleted with it. */
export async function selectKeysIn(tx: Tx, id: string): Promise<string[]> {
  const rows = await tx.selectFrom('api_keys').select('id').where('organization_id', '=', id).execute()
  return rows.map((row) => row.id)
}

/** Sorts after every character of a search key. */
const LAST = '\u{10ffff}'

/** By id; with a prefix, those whose name or slug begins with it. */
export async function selectOrganizations(
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
    select ${columnsOf('organizations', 'organizations')} from organizations where ${begins} ${after === null ? sql`` : sql`and id > ${after}`}
    order by id limit ${limitOf(limit)}`.execute(tx)
  return rows
}

/** Under an advisory lock per user, so that concurrent creations are counted. */
export async function countOwnedOrganizations(tx: Tx, userId: string): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`organizations ${userId}`}, 0))`.execute(tx)
  const { count } = await tx
    .selectFrom('memberships')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('user_id', '=', userId)
    .where('role', '=', 'owner')
    .executeTakeFirstOrThrow()
  return count
}

interface OwnerRow {
  id: string
  email: string
  locale: string | null
}

/** The owners of an organization, with their primary addresses. As the system. */
export async function listOwners(tx: Tx, organizationId: string): Promise<OwnerRow[]> {
  const { rows } = await sql<OwnerRow>`
    select m.user_id as id, e.address as email, u.locale
    from memberships m join users u on u.id = m.user_id join emails e on e.user_id = m.user_id and e.is_primary
    where m.organization_id = ${organizationId} and m.role = 'owner' order by m.user_id`.execute(tx)
  return rows
}

export async function selectClientIds(tx: Tx, organizationId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('clients')
    .select('id')
    .where('organization_id', '=', organizationId)
    .execute()
  return rows.map(({ id }) => id)
}
