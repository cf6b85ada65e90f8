/** The SQL of memberships: the membership check, row locks, and joining. */
import { type CompiledQuery, type Insertable, sql } from 'kysely'
import type { StoredProof } from '../../../base/assurance.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { Lock } from '../../../core/locks.ts'
import { POLICY, POLICY_JOIN } from '../../../core/policies.ts'
import type { ActingRow, RoleRow } from '../../../core/roles/acting.ts'
import type { MembershipsTable, OrganizationsTable } from './tables.ts'

export type OrganizationRow = Omit<OrganizationsTable, 'name_key'>
const COLUMNS = [
  'id',
  'name',
  'slug',
  'description',
  'logo_url',
  'created_at',
  'updated_at',
  'deleted_at',
  'purge_at',
] as const

export interface MembershipRow extends ActingRow {
  id: string
  deleted_at: Date | null
  /** What the session has proven; null for none. */
  proofs: StoredProof[] | null
}

/**
 * Compiled once. Parameters: the session (an access token does not contain its proofs), the user, the organization, whether
 * a deleted one counts. No row: no such organization.
 */
export const membershipCheck = (db: Statements): CompiledQuery<MembershipRow> =>
  sql<MembershipRow>`
    select o.id, o.deleted_at, m.organization_id as acting_in, m.role as acting_as, r.permissions as own_permissions,
      r.inherits as own_inherits, (select s.proofs from sessions s where s.id = ${''}) as proofs, ${POLICY}
    from organizations o
    left join memberships m on m.organization_id = o.id and m.user_id = ${''}
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role ${POLICY_JOIN}
    where o.id = ${''} and (o.deleted_at is null or ${false}::boolean)`.compile(db)

/**
 * Row lock on the organization: memberships in it change under this lock alone. Lock order: organizations by id, then
 * users.
 */
export const lockOrganization = (tx: Tx, id: string): Promise<OrganizationRow | undefined> =>
  tx.selectFrom('organizations').select(COLUMNS).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

/** Shared row lock: the user is neither deleted nor disabled meanwhile. @returns false if there is no such active user */
export async function lockActiveUser(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`select 1 from users where id = ${id} and status = 'active' for share`.execute(tx)
  return rows.length > 0
}

export const selectOrganization = (tx: Tx, id: string): Promise<OrganizationRow | undefined> =>
  tx.selectFrom('organizations').select(COLUMNS).where('id', '=', id).executeTakeFirst()

/** A user with their role in the organization, if any; undefined if there is no such user. */
export async function selectMembership(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<(RoleRow & Lock & { status: string; roles: string[] }) | undefined> {
  const { rows } = await sql<RoleRow & Lock & { status: string; roles: string[] }>`
    select m.organization_id as acting_in, m.role as acting_as, r.permissions as own_permissions,
      r.inherits as own_inherits, u.status, u.roles, u.locked_at, u.locked_until
    from users u
    left join memberships m on m.organization_id = ${organizationId} and m.user_id = u.id
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role
    where u.id = ${userId}`.execute(tx)
  return rows[0]
}

/** A user whom the organization had removed joins again. @returns false if the user is a member already */
export async function addMembership(tx: Tx, member: Insertable<MembershipsTable>): Promise<boolean> {
  const row = await tx
    .insertInto('memberships')
    .values(member)
    .onConflict((conflict) => conflict.columns(['organization_id', 'user_id']).doNothing())
    .returning('user_id')
    .executeTakeFirst()
  if (row === undefined) return false
  await tx
    .deleteFrom('removed_members')
    .where('organization_id', '=', member.organization_id)
    .where('user_id', '=', member.user_id)
    .execute()
  return true
}

export async function upsertOwner(tx: Tx, organizationId: string, userId: string, now: Date): Promise<void> {
  await tx
    .insertInto('memberships')
    .values({ organization_id: organizationId, user_id: userId, role: 'owner', joined_at: now })
    .onConflict((conflict) => conflict.columns(['organization_id', 'user_id']).doUpdateSet({ role: 'owner' }))
    .execute()
}

/** Active owners and all members of a locked organization, without one user. */
export async function countOtherMembers(
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
