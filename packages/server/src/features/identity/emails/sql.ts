/** Every SQL statement of e-mail addresses. */
import { sql } from 'kysely'
import { findLocale, type Locale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Tables } from '../../../base/db/tables.ts'
import type { Tx } from '../../../base/db/types.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import type { LinkPurpose } from '../../../core/links/index.ts'

/** Fails with a unique violation where another user owns the address. */
export async function claimEmail(tx: Tx, id: string, now: Date): Promise<void> {
  await sql`update emails set verified_at = ${now}, claimed_at = coalesce(claimed_at, ${now}), is_unproven = false where id = ${id}`.execute(
    tx,
  )
}

/** Replaces an address in its row: the user stays its owner. */
export async function updateAddress(
  tx: Tx,
  id: string,
  address: Pick<Tables['emails'], 'address' | 'address_key' | 'verified_at'> & { is_unproven?: false },
): Promise<void> {
  await tx.updateTable('emails').set(address).where('id', '=', id).execute()
}

/** Activates a pending user; a username that an active user took meanwhile is removed. */
export async function activateUser(
  tx: Tx,
  user: { id: string; username_key: string | null },
  now: Date,
): Promise<void> {
  const taken = sql`exists (select from users o where o.username_key = ${user.username_key} and o.status <> 'pending')`
  await sql`
    update users set status = 'active', updated_at = ${now},
      username = case when ${taken} then null else username end,
      username_key = case when ${taken} then null else username_key end
    where id = ${user.id} and status = 'pending'`.execute(tx)
}

/**
 * Locks an address until the end of the transaction (advisory lock), so that no other transaction claims it. Acquired
 * before a link to the address is used up: rival registrations delete each other's links, and would deadlock.
 */
export async function lockAddress(tx: Tx, addressKey: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${addressKey}, 0))`.execute(tx)
}

/** Whether other registrations with the address wait for verification. */
export async function hasRivals(tx: Tx, userId: string, addressKey: string): Promise<boolean> {
  const row = await tx
    .selectFrom('emails')
    .select('id')
    .where('address_key', '=', addressKey)
    .where('claimed_at', 'is', null)
    .where('user_id', '<>', userId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** The other registrations with the address, with their rows locked. */
export async function lockPendingRivals(tx: Tx, userId: string, addressKey: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select u.id from users u join emails e on e.user_id = u.id
    where e.address_key = ${addressKey} and e.claimed_at is null and u.status = 'pending' and u.id <> ${userId}
    order by u.id for update of u`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Deletes registrations whose rows are locked, and all rows that depend on them. */
export async function deletePending(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx.deleteFrom('users').where('id', 'in', ids).where('status', '=', 'pending').execute()
}

/** When the user's links of the purpose were created since the instant, the latest first. */
export async function linksSince(tx: Tx, userId: string, purpose: LinkPurpose, since: Date): Promise<Date[]> {
  const rows = await tx
    .selectFrom('links')
    .select('created_at')
    .where('user_id', '=', userId)
    .where('purpose', '=', purpose)
    .where('created_at', '>', since)
    .orderBy('created_at', 'desc')
    .execute()
  return rows.map((row) => row.created_at)
}

/** The number of unverified registrations of the address since the instant and before this one. */
export async function registrationsBefore(
  tx: Tx,
  email: { id: string; addressKey: string },
  since: Date,
): Promise<number> {
  const { count } = await tx
    .selectFrom('emails')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('address_key', '=', email.addressKey)
    .where('claimed_at', 'is', null)
    .where('created_at', '>', since)
    .where('id', '<', email.id)
    .executeTakeFirstOrThrow()
  return count
}

/** The id of another user who owns the address; null where there is none. */
export async function ownerOtherThan(tx: Tx, userId: string, addressKey: string): Promise<string | null> {
  const row = await tx
    .selectFrom('emails')
    .select('user_id')
    .where('address_key', '=', addressKey)
    .where('claimed_at', 'is not', null)
    .where('user_id', '<>', userId)
    .executeTakeFirst()
  return row?.user_id ?? null
}

/** The language that the owner of the address has chosen; null for an address without an owner, and for no choice. */
export async function ownersLocale(tx: Tx, addressKey: string): Promise<Locale | null> {
  const row = await tx
    .selectFrom('emails')
    .innerJoin('users', 'users.id', 'emails.user_id')
    .select('users.locale')
    .where('emails.address_key', '=', addressKey)
    .where('emails.claimed_at', 'is not', null)
    .executeTakeFirst()
  return findLocale(row?.locale)
}

/** The id of the user's address that is kept for the undoing of a change; null where there is none. */
export async function findKeptAddress(tx: Tx, userId: string, addressKey: string): Promise<string | null> {
  const row = await tx
    .selectFrom('emails')
    .select('id')
    .where('user_id', '=', userId)
    .where('address_key', '=', addressKey)
    .where('is_primary', '=', sql.lit(false))
    .executeTakeFirst()
  return row?.id ?? null
}

/**
 * Keeps an address that the user no longer has: it remains claimed, and does not sign in. Its time is later than that of
 * those that were kept before, also by a node whose clock is ahead: their order decides what an undoing removes.
 */
export async function keepAddress(
  tx: Tx,
  userId: string,
  { address, isUnproven }: { address: string; isUnproven: boolean },
  now: Date,
): Promise<string> {
  const id = newId('eml')
  const { last } = await tx
    .selectFrom('emails')
    .select(({ fn }) => fn.max('created_at').as('last'))
    .where('user_id', '=', userId)
    .where('is_primary', '=', sql.lit(false))
    .executeTakeFirstOrThrow()
  const createdAt = last === null || last < now ? now : later(last, 1)
  await tx
    .insertInto('emails')
    .values({
      id,
      user_id: userId,
      address,
      address_key: canonical(address),
      is_primary: false,
      claimed_at: now,
      verified_at: null,
      is_unproven: isUnproven,
      created_at: createdAt,
    })
    .execute()
  return id
}

/**
 * Makes a kept address the primary one, as verified. Deletes the present one and those that were kept later, with the
 * links that could restore them.
 * @returns whether it had never been proven; null where it is not kept any more
 */
export async function restoreKept(
  tx: Tx,
  userId: string,
  id: string,
  now: Date,
): Promise<{ wasUnproven: boolean } | null> {
  const kept = await tx
    .selectFrom('emails')
    .select(['is_unproven', 'created_at'])
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('is_primary', '=', sql.lit(false))
    .executeTakeFirst()
  if (!kept) return null
  await tx
    .deleteFrom('emails')
    .where('user_id', '=', userId)
    .where('id', '<>', id)
    .where(sql<boolean>`(is_primary or (created_at, id) > (${kept.created_at}, ${id}))`)
    .execute()
  const restored = { is_primary: true, verified_at: now, is_unproven: false }
  await tx.updateTable('emails').set(restored).where('id', '=', id).execute()
  return { wasUnproven: kept.is_unproven }
}

/** Deletes the addresses of a user that are kept for the undoing of a change. */
export async function releaseAddresses(tx: Tx, userId: string): Promise<void> {
  await tx
    .deleteFrom('emails')
    .where('user_id', '=', userId)
    .where('is_primary', '=', sql.lit(false))
    .execute()
}

/** Deletes all addresses that were kept before then. */
export async function releaseAddressesBefore(tx: Tx, before: Date): Promise<void> {
  await tx
    .deleteFrom('emails')
    .where('is_primary', '=', sql.lit(false))
    .where('created_at', '<', before)
    .execute()
}
