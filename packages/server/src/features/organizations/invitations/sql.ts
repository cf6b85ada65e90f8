/** The SQL of invitations. A declined invitation is stored as revoked. */
import { sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { InvitationsTable } from './tables.ts'

export type InvitationRow = Omit<InvitationsTable, 'sent_times'>
/** With the inviter's name, if the reader may read it. */
export type ListedInvitation = InvitationRow & { inviter_name: string | null }

const COLUMNS = [
  'id',
  'organization_id',
  'address',
  'address_key',
  'role',
  'secret_hash',
  'invited_by',
  'created_at',
  'sent_at',
  'sent_count',
  'expires_at',
  'accepted_at',
  'accepted_by',
  'revoked_at',
] as const

export const selectInvitation = (tx: Tx, id: string): Promise<InvitationRow | undefined> =>
  tx.selectFrom('invitations').select(COLUMNS).where('id', '=', id).executeTakeFirst()

/** An invitation that is neither accepted nor revoked; it may have expired. */
export const selectOpenInvitation = (
  tx: Tx,
  organizationId: string,
  by: { id: string } | { addressKey: string },
): Promise<InvitationRow | undefined> =>
  tx
    .selectFrom('invitations')
    .select(COLUMNS)
    .where('organization_id', '=', organizationId)
    .where('id' in by ? 'id' : 'address_key', '=', 'id' in by ? by.id : by.addressKey)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()

export async function selectInvitations(
  tx: Tx,
  organizationId: string,
  after: string | null,
  limit: number,
): Promise<ListedInvitation[]> {
  const { rows } = await sql<ListedInvitation>`
    select i.id, i.organization_id, i.address, i.address_key, i.role, i.secret_hash, i.invited_by, i.created_at,
      i.sent_at, i.sent_count, i.expires_at, i.accepted_at, i.accepted_by, i.revoked_at, coalesce(u.full_name, u.username) as inviter_name
    from invitations i left join users u on u.id = i.invited_by
    where i.organization_id = ${organizationId} and i.accepted_at is null and i.revoked_at is null
      ${after === null ? sql`` : sql`and i.id < ${after}`}
    order by i.id desc limit ${limitOf(limit)}`.execute(tx)
  return rows
}

/** Whether a member has verified the address. */
export async function isAddressOfMember(
  tx: Tx,
  organizationId: string,
  addressKey: string,
): Promise<boolean> {
  const { rows } = await sql`
    select 1 from emails e join memberships m on m.user_id = e.user_id and m.organization_id = ${organizationId}
    where e.address_key = ${addressKey} and e.claimed_at is not null limit 1`.execute(tx)
  return rows.length > 0
}

/** Invitation e-mails since an instant: of one organization or all, to one address or all. The organization is locked. */
export async function countInvitationEmails(
  tx: Tx,
  organizationId: string | null,
  since: Date,
  addressKey: string | null,
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from invitations i cross join lateral unnest(i.sent_times) as sent(at)
    where i.sent_at > ${since} and sent.at > ${since}
      ${organizationId === null ? sql`` : sql`and i.organization_id = ${organizationId}`}
      ${addressKey === null ? sql`` : sql`and i.address_key = ${addressKey}`}`.execute(tx)
  return rows[0]?.count ?? 0
}

export async function insertInvitation(tx: Tx, row: InvitationRow): Promise<void> {
  await tx
    .insertInto('invitations')
    .values({ ...row, sent_times: sql<Date[]>`array[${row.sent_at}::timestamptz]` })
    .execute()
}

/** Replaces the secret of an open invitation, so that earlier links stop working. */
export async function updateSent(
  tx: Tx,
  id: string,
  email: Pick<InvitationRow, 'address' | 'role' | 'secret_hash' | 'invited_by' | 'sent_at' | 'expires_at'>,
  forgetBefore: Date,
): Promise<InvitationRow | undefined> {
  return await tx
    .updateTable('invitations')
    .set({
      ...email,
      sent_count: sql<number>`sent_count + 1`,
      sent_times: sql<Date[]>`array_append(
        array(select at from unnest(sent_times) as sent(at) where at > ${forgetBefore}), ${email.sent_at}::timestamptz)`,
    })
    .where('id', '=', id)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** @param secretHash if given, it must match @returns the row, if this call revoked it */
export async function updateInvitationRevoked(
  tx: Tx,
  id: string,
  now: Date,
  secretHash: Buffer | null = null,
): Promise<InvitationRow | undefined> {
  let update = tx
    .updateTable('invitations')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
  if (secretHash) update = update.where('secret_hash', '=', secretHash)
  return await update.returning(COLUMNS).executeTakeFirst()
}

/** Revokes every open invitation whose link was sent until then. @returns how many */
async function revokeInvitationsBefore(tx: Tx, before: Date, now: Date): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('invitations')
    .set({ revoked_at: now })
    .where('sent_at', '<=', before)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/**
 * Accepts an invitation, in one conditional statement: the user has its address, and the secret matches or, without one,
 * the address is verified. @returns whether this call accepted it
 */
export async function updateAccepted(
  tx: Tx,
  id: string,
  userId: string,
  secretHash: Buffer | null,
  now: Date,
): Promise<boolean> {
  const { rows } = await sql`
    update invitations i set accepted_at = ${now}, accepted_by = ${userId}
    where id = ${id} and accepted_at is null and revoked_at is null and expires_at > ${now}
      and (${secretHash}::bytea is null or secret_hash = ${secretHash})
      and exists (select from emails e
        where e.user_id = ${userId} and e.address_key = i.address_key
          and (${secretHash}::bytea is not null or e.verified_at is not null))
    returning id`.execute(tx)
  return rows.length > 0
}

/** Whether the user has the address, and has verified it. */
export async function selectAddress(
  tx: Tx,
  userId: string,
  addressKey: string,
): Promise<'none' | 'unverified' | 'verified'> {
  const row = await tx
    .selectFrom('emails')
    .select('verified_at')
    .where('user_id', '=', userId)
    .where('address_key', '=', addressKey)
    .executeTakeFirst()
  if (!row) return 'none'
  return row.verified_at === null ? 'unverified' : 'verified'
}

/** Open invitations to the user's verified addresses. */
export async function selectInvitationsTo(
  tx: Tx,
  userId: string,
  now: Date,
  after: string | null,
  limit: number,
): Promise<InvitationRow[]> {
  return await tx
    .selectFrom('invitations')
    .select(COLUMNS)
    .where('address_key', 'in', (of) =>
      of
        .selectFrom('emails')
        .select('address_key')
        .where('user_id', '=', userId)
        .where('verified_at', 'is not', null),
    )
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .$if(after !== null, (query) => query.where('id', '<', after))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** The names of organization and inviter. Without invitations to deleted organizations. */
export async function selectInvitationNames(
  tx: Tx,
  ids: readonly string[],
): Promise<{ id: string; organization_name: string; inviter_name: string | null }[]> {
  const { rows } = await sql<{ id: string; organization_name: string; inviter_name: string | null }>`
    select i.id, o.name as organization_name, coalesce(u.full_name, u.username) as inviter_name
    from invitations i join organizations o on o.id = i.organization_id and o.deleted_at is null
    left join users u on u.id = i.invited_by
    where i.id = any(${[...ids]}::text[])`.execute(tx)
  return rows
}

/** Deletes invitations that expired before an instant. */
export async function deleteExpiredInvitations(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('invitations').where('expires_at', '<', before).execute()
}

/** Whether one of the addresses has an open invitation. */
export async function isInvited(tx: Tx, addressKeys: readonly string[], now: Date): Promise<boolean> {
  const { rows } = await sql`
    select 1 from invitations
    where address_key = any(${[...addressKeys]}::text[]) and accepted_at is null and revoked_at is null
      and expires_at > ${now}
    limit 1`.execute(tx)
  return rows.length > 0
}

/** What other modules ask of open invitations. */
export const openInvitations = { isInvited, revokeBefore: revokeInvitationsBefore }
