/** Every statement of the organizations room: organizations, who belongs to them, their own roles. */

import { type CompiledQuery, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { Lock } from '../../../core/locks.ts'
import type { ActingRow } from '../../../core/roles/acting.ts'
import type { MembershipsTable, OrganizationRolesTable, OrganizationsTable } from './tables.ts'

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

/** The organization that an active user asked for at sign-up, to whoever takes it first. */
export async function takeWish(
  tx: Tx,
  userId: string,
): Promise<{ name: string; username: string | null } | null> {
  const { rows } = await sql<{ name: string; username: string | null }>`
    with wished as materialized (
      select id, organization_wish from users
      where id = ${userId} and status = 'active' and organization_wish is not null for no key update
    )
    update users u set organization_wish = null from wished w where u.id = w.id
    returning w.organization_wish as name, u.username`.execute(tx)
  return rows[0] ?? null
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
      ${after === null ? sql`` : sql`and o.id > ${after}`}
    order by o.id limit ${limitOf(limit)}`.execute(tx)
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
    select * from organizations where ${begins} ${after === null ? sql`` : sql`and id > ${after}`}
    order by id limit ${limitOf(limit)}`.execute(tx)
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

export interface MemberRow {
  user_id: string
  username: string | null
  full_name: string | null
  email: string
  role: string
  joined_at: Date
}

/** What somebody is there; undefined for nobody. */
export async function selectStanding(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<(ActingRow & Lock & { status: string; roles: string[] }) | undefined> {
  const { rows } = await sql<ActingRow & Lock & { status: string; roles: string[] }>`
    select m.organization_id as acting_in, m.role as acting_as, r.permissions as own_permissions,
      r.inherits as own_inherits, u.status, u.roles, u.locked_at, u.locked_until
    from users u
    left join memberships m on m.organization_id = ${organizationId} and m.user_id = u.id
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role
    where u.id = ${userId}`.execute(tx)
  return rows[0]
}

/** @returns false where they belong to it already */
export async function insertMember(tx: Tx, member: MembershipsTable): Promise<boolean> {
  const row = await tx
    .insertInto('memberships')
    .values(member)
    .onConflict((conflict) => conflict.columns(['organization_id', 'user_id']).doNothing())
    .returning('user_id')
    .executeTakeFirst()
  return row !== undefined
}

export const selectMember = (
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<MembershipsTable | undefined> =>
  tx
    .selectFrom('memberships')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()

const members = sql`
  select m.user_id, u.username, u.full_name, e.address as email, m.role, m.joined_at
  from memberships m
  join users u on u.id = m.user_id
  join emails e on e.user_id = u.id and e.is_primary`

/** By id; with a prefix, those whose name, username or address begins with it. */
export async function selectMembers(
  tx: Tx,
  organizationId: string,
  which: { prefix: string | null; after: string | null; limit: number },
): Promise<MemberRow[]> {
  const { prefix, after, limit } = which
  const begins =
    prefix === null
      ? sql`true`
      : sql`(starts_with(u.name_key, ${prefix}) or starts_with(u.username_key, ${prefix})
          or starts_with(e.address_key, ${prefix}))`
  const { rows } = await sql<MemberRow>`${members}
    where m.organization_id = ${organizationId} and ${begins} ${after === null ? sql`` : sql`and m.user_id > ${after}`}
    order by m.user_id limit ${limitOf(limit)}`.execute(tx)
  return rows
}

export async function selectMemberView(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<MemberRow | undefined> {
  const { rows } = await sql<MemberRow>`${members}
    where m.organization_id = ${organizationId} and m.user_id = ${userId}`.execute(tx)
  return rows[0]
}

/** @returns whether they had the role that they were seen with */
export async function updateRole(
  tx: Tx,
  organizationId: string,
  userId: string,
  from: string,
  to: string,
): Promise<boolean> {
  const row = await tx
    .updateTable('memberships')
    .set({ role: to })
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .where('role', '=', from)
    .returning('user_id')
    .executeTakeFirst()
  return row !== undefined
}

/** @returns whether they belonged to it */
export async function deleteMember(tx: Tx, organizationId: string, userId: string): Promise<boolean> {
  const row = await tx
    .deleteFrom('memberships')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .returning('user_id')
    .executeTakeFirst()
  return row !== undefined
}

/** How many owners there are besides one member, and how many others at all. The organization is held. */
export async function countOthers(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<{ owners: number; members: number }> {
  const { rows } = await sql<{ owners: number; members: number }>`
    select count(*) filter (where m.role = 'owner' and u.status = 'active')::int as owners, count(*)::int as members
    from memberships m join users u on u.id = m.user_id
    where m.organization_id = ${organizationId} and m.user_id <> ${userId}`.execute(tx)
  return rows[0] ?? { owners: 0, members: 0 }
}

export async function selectOwners(tx: Tx, organizationId: string): Promise<{ id: string; email: string }[]> {
  const { rows } = await sql<{ id: string; email: string }>`
    select m.user_id as id, e.address as email
    from memberships m join emails e on e.user_id = m.user_id and e.is_primary
    where m.organization_id = ${organizationId} and m.role = 'owner' order by m.user_id`.execute(tx)
  return rows
}

/** Every organization that somebody belongs to, by id. */
export async function selectOrganizationIds(tx: Tx, userId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('memberships')
    .select('organization_id')
    .where('user_id', '=', userId)
    .orderBy('organization_id')
    .execute()
  return rows.map((row) => row.organization_id)
}

export const selectRoles = (tx: Tx, organizationId: string): Promise<OrganizationRolesTable[]> =>
  tx
    .selectFrom('organization_roles')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .orderBy('name')
    .execute()

export const selectRole = (
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

/** @returns false where there is one of that name */
export async function insertRole(tx: Tx, role: OrganizationRolesTable): Promise<boolean> {
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

/** Whether anybody holds the role, or is invited to it. */
export async function isHeld(tx: Tx, organizationId: string, name: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from memberships where organization_id = ${organizationId} and role = ${name}
    union all
    select 1 from invitations
    where organization_id = ${organizationId} and role = ${name} and accepted_at is null and revoked_at is null
    limit 1`.execute(tx)
  return rows.length > 0
}

export async function belongsAnywhere(tx: Tx, userId: string): Promise<boolean> {
  const { rows } = await sql`select 1 from memberships where user_id = ${userId} limit 1`.execute(tx)
  return rows.length > 0
}
