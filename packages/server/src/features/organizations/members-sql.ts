/** The statements of memberships and of an organization's own roles. */
import { sql } from 'kysely'
import type { MembershipsTable, OrganizationRolesTable } from '../../base/db/tables.ts'
import type { Tx } from '../../base/db/types.ts'
import type { ActingRow } from '../../base/roles/acting.ts'

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
): Promise<(ActingRow & { status: string; roles: string[] }) | undefined> {
  const { rows } = await sql<ActingRow & { status: string; roles: string[] }>`
    select m.organization_id as acting_in, m.role as acting_as, r.permissions as own_permissions,
      r.inherits as own_inherits, u.status, u.roles
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
    where m.organization_id = ${organizationId} and ${begins} and (${after}::text is null or m.user_id > ${after})
    order by m.user_id limit ${limit}`.execute(tx)
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
    select count(*) filter (where role = 'owner')::int as owners, count(*)::int as members
    from memberships where organization_id = ${organizationId} and user_id <> ${userId}`.execute(tx)
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
    select 1 from memberships where organization_id = ${organizationId} and role = ${name} limit 1`.execute(
    tx,
  )
  return rows.length > 0
}
