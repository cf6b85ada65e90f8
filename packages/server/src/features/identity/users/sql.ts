/** Every statement of the users room. */

import { sql } from 'kysely'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { ADMIN_ROLES } from '../../../core/roles/index.ts'
import type { EmailsTable, UsersTable } from './tables.ts'

/** A user with the primary address: what most rules need. */
export type UserRow = UsersTable & {
  email: string
  email_id: string
  email_verified_at: Date | null
}

const userWithAddress = (tx: Tx) =>
  tx
    .selectFrom('users')
    .innerJoin('emails', (join) =>
      join.onRef('emails.user_id', '=', 'users.id').on('emails.is_primary', '=', true),
    )
    .selectAll('users')
    .select(['emails.address as email', 'emails.id as email_id', 'emails.verified_at as email_verified_at'])

export const selectUser = (tx: Tx, id: string): Promise<UserRow | undefined> =>
  userWithAddress(tx).where('users.id', '=', id).executeTakeFirst()

/**
 * By canonical username or address: the owner, if there is one, then the newest pending user, who owns nothing
 * yet. At most two rows.
 */
export async function selectByIdentifier(db: Statements, key: string): Promise<UserRow[]> {
  const rows = await sql<UserRow>`
    select distinct on (named.owned) u.*, p.address as email, p.id as email_id, p.verified_at as email_verified_at
    from (
      select user_id as id, claimed_at is not null as owned from emails where address_key = ${key}
      union all
      select id, status <> 'pending' from users where username_key = ${key}
    ) as named
    join users u on u.id = named.id
    join emails p on p.user_id = u.id and p.is_primary
    order by named.owned desc, u.created_at desc`.execute(db)
  return rows.rows
}

/** Until the end of the transaction nobody else disables or deletes the user. */
export async function lockUser(tx: Tx, id: string): Promise<void> {
  await tx.selectFrom('users').select('id').where('id', '=', id).forNoKeyUpdate().execute()
}

export async function insertUser(tx: Tx, user: UsersTable): Promise<void> {
  await tx.insertInto('users').values(user).execute()
}

export async function insertEmail(tx: Tx, email: EmailsTable): Promise<void> {
  await tx.insertInto('emails').values(email).execute()
}

export async function updateUser(
  tx: Tx,
  id: string,
  change: Partial<Pick<UsersTable, 'username' | 'username_key' | 'full_name' | 'name_key' | 'locale'>>,
  now: Date,
): Promise<void> {
  await tx
    .updateTable('users')
    .set({ ...change, updated_at: now })
    .where('id', '=', id)
    .execute()
}

/** Locks an account, or lifts its lock where `lock` is null. */
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

/** Another address, or another spelling of it; whoever owned the address before owns this one. */
export async function updateAddress(
  tx: Tx,
  id: string,
  address: Pick<EmailsTable, 'address' | 'address_key' | 'verified_at'>,
): Promise<void> {
  await tx.updateTable('emails').set(address).where('id', '=', id).execute()
}

/** @returns whether the status changed */
export async function updateStatus(
  tx: Tx,
  id: string,
  from: UsersTable['status'],
  to: UsersTable['status'],
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

export async function updateLastLogin(tx: Tx, id: string, now: Date): Promise<void> {
  await tx.updateTable('users').set({ last_login_at: now }).where('id', '=', id).execute()
}

export async function deleteUserRow(tx: Tx, id: string): Promise<boolean> {
  const row = await tx.deleteFrom('users').where('id', '=', id).returning('id').executeTakeFirst()
  return row !== undefined
}

/** Takes a deleted user's name, addresses and devices out of the audit log; that something happened stays. */
export async function scrubAudit(tx: Tx, userId: string): Promise<void> {
  await tx
    .updateTable('audit_events')
    .set({ username: null, ip_address: null, user_agent: null, details: '{}' })
    .where('user_id', '=', userId)
    .execute()
}

/** Pending users nobody verified in time, with all that hangs on them. @returns how many went */
export async function deletePendingBefore(tx: Tx, before: Date): Promise<number> {
  const rows = await tx
    .deleteFrom('users')
    .where('status', '=', 'pending')
    .where('created_at', '<', before)
    .returning('id')
    .execute()
  return rows.length
}

export async function selectPage(tx: Tx, afterId: string | null, limit: number): Promise<UserRow[]> {
  let query = userWithAddress(tx).orderBy('users.id', 'desc').limit(limit)
  if (afterId !== null) query = query.where('users.id', '<', afterId)
  return await query.execute()
}

/** Whether anybody active holds the role. */
export async function existsWithRole(tx: Tx, role: string): Promise<boolean> {
  const row = await tx
    .selectFrom('users')
    .select('id')
    .where('status', '=', 'active')
    .where(sql<boolean>`${role} = any(roles)`)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Whether the user is an administrator and no other active user is; who is locked out is no other. */
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
