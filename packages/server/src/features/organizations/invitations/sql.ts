/** The statements of invitations. One that was declined is revoked, by the invited. */

import { sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { InvitationsTable } from './tables.ts'

export type InvitationRow = Omit<InvitationsTable, 'sent_times'>
/** With the name of whoever sent it, as far as the reader may see them. */
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

/** One that is neither accepted nor revoked; it may have expired. */
export const selectOpen = (
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

/** Whether a member has proven the address to be theirs. */
export async function isMembersAddress(tx: Tx, organizationId: string, addressKey: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from emails e join memberships m on m.user_id = e.user_id and m.organization_id = ${organizationId}
    where e.address_key = ${addressKey} and e.claimed_at is not null limit 1`.execute(tx)
  return rows.length > 0
}

/** How many letters an organization sent since then; to one address where given. The organization is held. */
export async function countLetters(
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

/** A new letter for an open one: what was sent before is dead. */
export async function updateSent(
  tx: Tx,
  id: string,
  letter: Pick<InvitationRow, 'address' | 'role' | 'secret_hash' | 'invited_by' | 'sent_at' | 'expires_at'>,
  forgetBefore: Date,
): Promise<InvitationRow | undefined> {
  return await tx
    .updateTable('invitations')
    .set({
      ...letter,
      sent_count: sql<number>`sent_count + 1`,
      sent_times: sql<Date[]>`array_append(
        array(select at from unnest(sent_times) as sent(at) where at > ${forgetBefore}), ${letter.sent_at}::timestamptz)`,
    })
    .where('id', '=', id)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** @returns the row to the one who revoked it; with a hash, only where it is that of its secret */
export async function updateRevoked(
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

/**
 * Uses an invitation up, in one statement: for somebody who has proven its address, and with the secret where one is
 * given. @returns whether this call did
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
        where e.user_id = ${userId} and e.address_key = i.address_key and e.verified_at is not null)
    returning id`.execute(tx)
  return rows.length > 0
}

/** What the user has of an address: nothing, an unproven one, or the proven one. */
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

/** Those to addresses that the user has proven, that could still be accepted. */
export async function selectMine(
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

/** What an invitation names: the organization, and who invites. Without those whose organization was deleted. */
export async function selectNames(
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

/** Forgets those that ended before then, one way or the other. */
export async function deleteEndedBefore(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('invitations').where('expires_at', '<', before).execute()
}

/** Whether any organization waits for this address to answer. */
export async function isInvited(tx: Tx, addressKeys: readonly string[], now: Date): Promise<boolean> {
  const { rows } = await sql`
    select 1 from invitations
    where address_key = any(${[...addressKeys]}::text[]) and accepted_at is null and revoked_at is null
      and expires_at > ${now}
    limit 1`.execute(tx)
  return rows.length > 0
}
