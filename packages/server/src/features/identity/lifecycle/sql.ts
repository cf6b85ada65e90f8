/** Every SQL statement of the account lifecycle. */
import { sql } from 'kysely'
import type { Tables } from '../../../base/db/tables.ts'
import type { Tx } from '../../../base/db/types.ts'
import { ADMIN_ROLES } from '../../../core/roles/index.ts'

/** @returns whether the status changed */
export async function updateStatus(
  tx: Tx,
  id: string,
  from: Tables['users']['status'],
  to: Tables['users']['status'],
  now: Date,
): Promise<boolean> {
  const row = await tx
    .updateTable('users')
    .set({ status: to, updated_at: now })
    .where('id', '=', id)
    .where('status', '=', from)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Locks an account; null lifts the lock. */
export async function updateLock(
  tx: Tx,
  id: string,
  lock: { at: Date; until: Date | null } | null,
  now: Date,
): Promise<void> {
  await tx
    .updateTable('users')
    .set({ locked_at: lock?.at ?? null, locked_until: lock?.until ?? null, updated_at: now })
    .where('id', '=', id)
    .execute()
}

/** Some users that were created before the instant and never verified, with their rows locked. */
export async function lockPendingUsers(tx: Tx, before: Date, limit: number): Promise<string[]> {
  const rows = await tx
    .selectFrom('users')
    .select('id')
    .where('status', '=', 'pending')
    .where('created_at', '<', before)
    .orderBy('id')
    .limit(limit)
    .forUpdate()
    .execute()
  return rows.map(({ id }) => id)
}

/** @returns how many of them there were */
export async function deleteUserRows(tx: Tx, ids: readonly string[]): Promise<number> {
  const { numDeletedRows } = await tx.deleteFrom('users').where('id', 'in', ids).executeTakeFirst()
  return Number(numDeletedRows)
}

/**
 * Every spelling under which the user is or was known: usernames and addresses, present, kept and earlier, as the audit
 * log still has them.
 */
export async function selectIdentifiers(tx: Tx, userId: string): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    select address_key as key from emails where user_id = ${userId}
    union select username_key from users where id = ${userId} and username_key is not null
    union select lower(username) from audit_events where user_id = ${userId} and username is not null
    union select lower(x.address) from audit_events e, lateral (values (e.details ->> 'from'), (e.details ->> 'to')) x (address)
    where e.user_id = ${userId} and x.address is not null
      and e.event_type in ('user.email_changed', 'auth.email.changed', 'auth.email.change_undone')`.execute(
    tx,
  )
  return rows.map(({ key }) => key)
}

/**
 * Removes a user's name, addresses and devices from the audit log before the user is deleted; the events stay. Of events
 * about other users, address and device are those of the request that caused them, by a session or an API key of this
 * user. Of sign-ins that named no account, what was typed is removed where it is one of the user's identifiers.
 */
export async function scrubAudit(tx: Tx, userId: string, identifiers: readonly string[]): Promise<void> {
  await tx
    .updateTable('audit_events')
    .set({ username: null, ip_address: null, user_agent: null, details: '{}' })
    .where('user_id', '=', userId)
    .execute()
  await sql`
    update audit_events set ip_address = null, user_agent = null
    where request_id = any(array(
      select request_id from audit_events
      where session_id = any(array(select id from sessions where user_id = ${userId})) and request_id is not null))`.execute(
    tx,
  )
  await sql`
    update audit_events set ip_address = null, user_agent = null
    where details ? 'by' and details ->> 'by' = ${userId}`.execute(tx)
  await sql`
    update audit_events set ip_address = null, user_agent = null, details = details - 'identifier'
    where user_id is null and request_id = any(array(
      select request_id from audit_events
      where user_id is null and details ? 'identifier'
        and lower(btrim(details ->> 'identifier')) = any(${[...identifiers]}::text[])))`.execute(tx)
}

/** Whether an active user has the role; users that `latchkey seed` created do not count. */
export async function hasActiveHolder(tx: Tx, role: string): Promise<boolean> {
  const row = await tx
    .selectFrom('users')
    .select('id')
    .where('status', '=', 'active')
    .where(sql<boolean>`${role} = any(roles)`)
    .where(
      sql<boolean>`not exists (
        select from audit_events e
        where e.user_id = users.id and e.event_type = 'user.created' and e.details ? 'sample')`,
    )
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Whether the user is an administrator and no other active, unlocked user is one. */
export async function isLastAdministrator(tx: Tx, id: string): Promise<boolean> {
  const tops = sql.join(ADMIN_ROLES.map(({ preset, name }) => sql`(${preset}, ${name})`))
  const held = sql<boolean>`roles && array(select name from roles where (preset, name) in (${tops}))`
  const rows = await tx
    .selectFrom('users')
    .select('id')
    .where('status', '=', 'active')
    .where(held)
    .where((where) => where.or([where('id', '=', id), where('locked_at', 'is', null)]))
    .orderBy(sql`id = ${id} desc`)
    .limit(2)
    .execute()
  return rows.length === 1 && rows[0]?.id === id
}
