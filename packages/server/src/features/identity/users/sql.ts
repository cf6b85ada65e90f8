/** Every SQL statement of users. */
import { type Selectable, sql } from 'kysely'
import { compiledOnce, type NewRow } from '../../../base/db/compiled.ts'
import { columnsOf } from '../../../base/db/named-columns.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { EmailsTable, UsersTable } from './tables.ts'

/** A user with the primary address: what most rules need. */
export type UserRow = Selectable<UsersTable> & {
  email: string
  email_id: string
  email_verified_at: Date | null
  /** As EmailsTable.is_unproven. */
  email_unproven: boolean
}

/** A constant and not a parameter: a generic plan uses the partial index of primary addresses only for a constant. */
const isPrimary = sql.lit(true)

const userWithAddress = (db: Statements) =>
  db
    .selectFrom('users')
    .innerJoin('emails', (join) =>
      join.onRef('emails.user_id', '=', 'users.id').on('emails.is_primary', '=', isPrimary),
    )
    .selectAll('users')
    .select([
      'emails.address as email',
      'emails.id as email_id',
      'emails.verified_at as email_verified_at',
      'emails.is_unproven as email_unproven',
    ])

export const selectUser = async (tx: Statements, id: string): Promise<UserRow | undefined> =>
  (await tx.executeQuery(byId({ id }))).rows[0]

const byId = compiledOnce((db, { id }: { id: string }) => userWithAddress(db).where('users.id', '=', id))

/**
 * By canonical username or address: the owner where there is one, then the newest pending user. At most two rows. Each
 * part uses its own index, since those of owned and of pending identifiers are partial.
 */
export const selectByIdentifier = async (db: Statements, key: string): Promise<UserRow[]> =>
  (await db.executeQuery(byIdentifier({ key }))).rows

const byIdentifier = compiledOnce(
  (_, { key }: { key: string }) => sql<UserRow>`
    select distinct on (named.owned) ${columnsOf('users', 'u')}, p.address as email, p.id as email_id, p.verified_at as email_verified_at,
      p.is_unproven as email_unproven
    from (
      select user_id as id, true as owned from emails where address_key = ${key} and claimed_at is not null and is_primary
      union all select user_id, false from emails where address_key = ${key} and claimed_at is null
      union all select id, true from users where username_key = ${key} and status <> 'pending'
      union all select id, false from users where username_key = ${key} and status = 'pending'
    ) as named
    join users u on u.id = named.id
    join emails p on p.user_id = u.id and p.is_primary
    order by named.owned desc, u.created_at desc`,
)

/** Locks the user's row until the end of the transaction: it is neither disabled nor deleted meanwhile. */
export const lockUserRow = async (tx: Tx, id: string): Promise<void> =>
  void (await tx.executeQuery(lockRow({ id })))

const lockRow = compiledOnce((db, { id }: { id: string }) =>
  db.selectFrom('users').select('id').where('id', '=', id).forNoKeyUpdate(),
)

export const insertUser = compiledOnce((db, user: NewRow<UsersTable>) => db.insertInto('users').values(user))

export const insertEmail = compiledOnce((db, email: NewRow<EmailsTable>) =>
  db.insertInto('emails').values(email),
)

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
export const updateLastSignIn = compiledOnce((db, { id, now }: { id: string; now: Date }) =>
  db.updateTable('users').set({ last_login_at: now }).where('id', '=', id),
)

/** A page of users, the newest first. */
export async function listUsers(tx: Tx, afterId: string | null, limit: number): Promise<UserRow[]> {
  let query = userWithAddress(tx).orderBy('users.id', 'desc').limit(limit)
  if (afterId !== null) query = query.where('users.id', '<', afterId)
  return await query.execute()
}
