/** Every SQL statement of users. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { EmailsTable, UsersTable } from './tables.ts'

/** A user with the primary address: what most rules need. */
export type UserRow = UsersTable & {
  email: string
  email_id: string
  email_verified_at: Date | null
}

/** A constant and not a parameter: a generic plan uses the partial index of primary addresses only for a constant. */
const isPrimary = sql.lit(true)

const userWithAddress = (tx: Tx) =>
  tx
    .selectFrom('users')
    .innerJoin('emails', (join) =>
      join.onRef('emails.user_id', '=', 'users.id').on('emails.is_primary', '=', isPrimary),
    )
    .selectAll('users')
    .select(['emails.address as email', 'emails.id as email_id', 'emails.verified_at as email_verified_at'])

export const selectUser = (tx: Tx, id: string): Promise<UserRow | undefined> =>
  userWithAddress(tx).where('users.id', '=', id).executeTakeFirst()

/**
 * By canonical username or address: the owner where there is one, then the newest pending user. At most two rows. Each
 * part uses its own index, since those of owned and of pending identifiers are partial.
 */
export async function selectByIdentifier(db: Statements, key: string): Promise<UserRow[]> {
  const rows = await sql<UserRow>`
    select distinct on (named.owned) u.*, p.address as email, p.id as email_id, p.verified_at as email_verified_at
    from (
      select user_id as id, true as owned from emails where address_key = ${key} and claimed_at is not null and is_primary
      union all select user_id, false from emails where address_key = ${key} and claimed_at is null
      union all select id, true from users where username_key = ${key} and status <> 'pending'
      union all select id, false from users where username_key = ${key} and status = 'pending'
    ) as named
    join users u on u.id = named.id
    join emails p on p.user_id = u.id and p.is_primary
    order by named.owned desc, u.created_at desc`.execute(db)
  return rows.rows
}

/** Locks the user's row until the end of the transaction: it is neither disabled nor deleted meanwhile. */
export async function lockUserRow(tx: Tx, id: string): Promise<void> {
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

/** Records the time of a sign-in. */
export async function recordSignIn(tx: Tx, id: string, now: Date): Promise<void> {
  await tx.updateTable('users').set({ last_login_at: now }).where('id', '=', id).execute()
}

/** A page of users, the newest first. */
export async function listUsers(tx: Tx, afterId: string | null, limit: number): Promise<UserRow[]> {
  let query = userWithAddress(tx).orderBy('users.id', 'desc').limit(limit)
  if (afterId !== null) query = query.where('users.id', '<', afterId)
  return await query.execute()
}
