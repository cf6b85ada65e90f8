/** The SQL of members. */
import { type RawBuilder, sql } from 'kysely'
import type { AcceptableMethod } from '../../../base/assurance.ts'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import { connectionsOf, type MemberMfa, type PolicyMode } from '../../../core/policies.ts'
import { SPEAKS_FOR_DOMAIN } from '../../../core/spoken-domains.ts'

/** Exclusive row lock: the user gets no membership until the end of the transaction. */
export async function lockUserExclusively(tx: Tx, id: string): Promise<void> {
  await sql`select 1 from users where id = ${id} for update`.execute(tx)
}

export interface MemberRow {
  user_id: string
  username: string | null
  full_name: string | null
  email: string
  role: string
  joined_at: Date
  mfa: MemberMfa
}

export const selectMember = (
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<{ role: string } | undefined> =>
  tx
    .selectFrom('memberships')
    .select('role')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()

/** Members `m` with their users `u` and primary addresses `p`; a `where` follows. */
export const membersWith = (column: RawBuilder<unknown> = sql`null`): RawBuilder<unknown> => sql`
  select m.user_id, u.username, u.full_name, p.address as email, m.role, m.joined_at, m.mfa, ${column} as position
  from memberships m
  join users u on u.id = m.user_id
  join emails p on p.user_id = u.id and p.is_primary`

/** By id. */
export async function selectMembers(
  tx: Tx,
  organizationId: string,
  after: string | null,
  limit: number,
): Promise<MemberRow[]> {
  const { rows } = await sql<MemberRow>`${membersWith()}
    where m.organization_id = ${organizationId} ${after === null ? sql`` : sql`and m.user_id > ${after}`}
    order by m.user_id limit ${limitOf(limit)}`.execute(tx)
  return rows
}

export async function selectMemberView(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<MemberRow | undefined> {
  const { rows } = await sql<MemberRow>`${membersWith()}
    where m.organization_id = ${organizationId} and m.user_id = ${userId}`.execute(tx)
  return rows[0]
}

/** @returns false if the member's role is not `from` any more */
export async function updateMemberRole(
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

export interface MemberDemand {
  role: string
  mfa: MemberMfa
  mfa_since: Date | null
  /** Null where the organization has no policy. */
  mode: PolicyMode | null
  allowed_methods: AcceptableMethod[] | null
}

/** What the organization demands of a member now. System scope. */
export const selectMemberDemand = (
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<MemberDemand | undefined> =>
  tx
    .selectFrom('memberships as m')
    .leftJoin('security_policies as p', 'p.organization_id', 'm.organization_id')
    .select(['m.role', 'm.mfa', 'm.mfa_since', 'p.mode'])
    .select((of) => of.ref('p.allowed_methods').$castTo<AcceptableMethod[] | null>().as('allowed_methods'))
    .where('m.organization_id', '=', organizationId)
    .where('m.user_id', '=', userId)
    .executeTakeFirst()

/** System scope: a caller with `security:write` need not have `members:update`. */
export async function updateMemberMfa(
  tx: Tx,
  organizationId: string,
  userId: string,
  demand: { mfa: MemberMfa; mfa_since: Date | null },
): Promise<void> {
  await tx
    .updateTable('memberships')
    .set(demand)
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .execute()
}

/** Remembers that the organization removed the user, until they are invited or added again. System scope. */
export async function insertRemoved(
  tx: Tx,
  organizationId: string,
  userId: string,
  now: Date,
): Promise<void> {
  await tx
    .insertInto('removed_members')
    .values({ organization_id: organizationId, user_id: userId, removed_at: now })
    .onConflict((conflict) =>
      conflict.columns(['organization_id', 'user_id']).doUpdateSet({ removed_at: now }),
    )
    .execute()
}

/** Whether the organization removed the user. System scope. */
export async function isRemoved(tx: Tx, organizationId: string, userId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('removed_members')
    .select('user_id')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Shared row lock: the connection is neither changed nor deleted meanwhile, as both lock the row exclusively. System scope.
 * @returns whether it is active, and has this version
 */
export async function lockActiveConnection(tx: Tx, id: string, version: number): Promise<boolean> {
  const row = await tx
    .selectFrom('connections')
    .select(['status', 'version'])
    .where('id', '=', id)
    .forKeyShare()
    .executeTakeFirst()
  return row?.status === 'active' && row.version === version
}

/** The names of the connections whose groups decide about roles, as a sign-in by them does now. System scope. */
export async function selectGroupConnections(tx: Tx, organizationId: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select c.name from connections c
    where c.organization_id = ${organizationId} and c.status = 'active' and jsonb_array_length(c.settings -> 'group_roles') > 0
      and exists (select from organization_domains d where ${SPEAKS_FOR_DOMAIN})
    order by c.id`.execute(tx)
  return rows.map(({ name }) => name)
}

/** The verified address of an account. System scope. */
export async function selectVerifiedAddress(tx: Tx, userId: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('emails')
    .select('address')
    .where('user_id', '=', userId)
    .where('is_primary', '=', true)
    .where('verified_at', 'is not', null)
    .executeTakeFirst()
  return row?.address
}

/** A member, and the connection that made them one; undefined for a stranger. System scope. */
export const selectJoined = async (
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<{ role: string; joined_by: string | null } | null> =>
  (await tx
    .selectFrom('memberships')
    .select(['role', 'joined_by'])
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()) ?? null

/** @returns false if the user is no member */
export async function deleteMember(tx: Tx, organizationId: string, userId: string): Promise<boolean> {
  const row = await tx
    .deleteFrom('memberships')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .returning('user_id')
    .executeTakeFirst()
  return row !== undefined
}

/** Every organization of a user, by id. */
export async function selectOrganizationIds(tx: Tx, userId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('memberships')
    .select('organization_id')
    .where('user_id', '=', userId)
    .orderBy('organization_id')
    .execute()
  return rows.map((row) => row.organization_id)
}

/** The organizations that the user owns, with the numbers of their other members and other active owners. */
export async function selectOwned(
  tx: Tx,
  userId: string,
): Promise<{ id: string; name: string; owners: number; members: number }[]> {
  const { rows } = await sql<{ id: string; name: string; owners: number; members: number }>`
    select o.id, o.name, others.owners, others.members
    from memberships mine
    join organizations o on o.id = mine.organization_id and o.deleted_at is null
    cross join lateral (
      select count(*) filter (where m.role = 'owner' and u.status = 'active')::int as owners, count(*)::int as members
      from memberships m join users u on u.id = m.user_id
      where m.organization_id = o.id and m.user_id <> ${userId}) as others
    where mine.user_id = ${userId} and mine.role = 'owner' order by o.id`.execute(tx)
  return rows
}

/** The connections by which a user can sign in to the organizations that they are a member of. As the system. */
export async function listMemberConnections(
  tx: Tx,
  userId: string,
): Promise<{ connection_id: string; organization: string }[]> {
  const { rows } = await sql<{ connection_id: string; organization: string }>`
    select c.id as connection_id, o.name as organization
    from memberships m join organizations o on o.id = m.organization_id and o.deleted_at is null
    cross join lateral unnest(${connectionsOf(sql`m.organization_id`)}) c (id)
    where m.user_id = ${userId} order by o.name, c.id limit ${limitOf(100)}`.execute(tx)
  return rows
}

/** The name of an organization, and whether the user is a member of it; null for none. As the system. */
export async function findOrganizationFor(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<{ name: string; isMember: boolean } | null> {
  const { rows } = await sql<{ name: string; is_member: boolean }>`
    select name, exists (
      select from memberships m where m.organization_id = o.id and m.user_id = ${userId}) as is_member
    from organizations o where o.id = ${organizationId} and o.deleted_at is null`.execute(tx)
  const [row] = rows
  return row ? { name: row.name, isMember: row.is_member } : null
}

export async function isMemberAnywhere(tx: Tx, userId: string): Promise<boolean> {
  const { rows } = await sql`select 1 from memberships where user_id = ${userId} limit 1`.execute(tx)
  return rows.length > 0
}

/**
 * Deletes every invitation to a user's addresses, and removes the address from the events about them. As the system,
 * before the user is deleted.
 */
export async function deleteInvitationsTo(tx: Tx, userId: string): Promise<void> {
  const { rows } = await sql<{ id: string; organization_id: string }>`
    delete from invitations
    where address_key = any(array(select address_key from emails where user_id = ${userId}))
    returning id, organization_id`.execute(tx)
  for (const { id, organization_id } of rows)
    await sql`
      update audit_events set details = details - 'email'
      where organization_id = ${organization_id} and details->>'invitation_id' = ${id}`.execute(tx)
}
