/** SQL statements of passwords. */

import { type RawBuilder, sql } from 'kysely'
import { compiledOnce, type NewRow } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { PasswordProfileName } from '../../../config/password-profiles.ts'
import type { PasswordsTable } from './tables.ts'

export const selectPassword = async (db: Statements, userId: string): Promise<PasswordsTable | null> =>
  (await db.selectFrom('passwords').selectAll().where('user_id', '=', userId).executeTakeFirst()) ?? null

export const selectPasswords = async (
  db: Statements,
  userIds: readonly string[],
): Promise<PasswordOfUser[]> => (await db.executeQuery(ofUsers({ userIds }))).rows

export interface PasswordOfUser extends PasswordsTable {
  organization_profiles: PasswordProfileName[]
}

const ofUsers = compiledOnce((db, { userIds }: { userIds: readonly string[] }) =>
  db
    .selectFrom('passwords')
    .selectAll()
    .select(profilesOf(sql.ref('passwords.user_id')).as('organization_profiles'))
    .where('user_id', '=', sql<string>`any(${userIds}::text[])`),
)

/** The password profiles of the organizations of a user, each once. */
const profilesOf = (userId: RawBuilder<unknown>): RawBuilder<PasswordProfileName[]> => sql`array(
  select distinct sp.password_profile from memberships m
  join security_policies sp on sp.organization_id = m.organization_id and sp.password_profile is not null
  join organizations o on o.id = m.organization_id and o.deleted_at is null
  where m.user_id = ${userId})`

export async function selectOrganizationProfiles(
  db: Statements,
  userId: string,
): Promise<readonly PasswordProfileName[]> {
  const { rows } = await sql<{
    profiles: PasswordProfileName[]
  }>`select ${profilesOf(sql.val(userId))} as profiles`.execute(db)
  return rows[0]?.profiles ?? []
}

/** As selectPassword, with a share lock until the end of the transaction. */
export const selectPasswordForShare = async (tx: Tx, userId: string): Promise<PasswordsTable | null> =>
  (await tx.executeQuery(ofUserForShare({ userId }))).rows[0] ?? null

const ofUserForShare = compiledOnce((db, { userId }: { userId: string }) =>
  db.selectFrom('passwords').selectAll().where('user_id', '=', userId).forShare(),
)

export const insertPassword = compiledOnce((db, password: NewRow<PasswordsTable>) =>
  db
    .insertInto('passwords')
    .values(password)
    .onConflict((conflict) => conflict.column('user_id').doNothing()),
)

/** Replaces the hash where it is still `from`. @returns whether it was */
export async function replaceHash(
  tx: Tx,
  userId: string,
  from: string,
  change: Partial<Omit<PasswordsTable, 'user_id'>> & { hash: string },
): Promise<boolean> {
  const row = await tx
    .updateTable('passwords')
    .set(change)
    .where('user_id', '=', userId)
    .where('hash', '=', from)
    .returning('user_id')
    .executeTakeFirst()
  return row !== undefined
}

/** Names the rules of a password whose rules are not known. */
export async function updateRules(tx: Tx, userId: string, profile: string): Promise<void> {
  await tx
    .updateTable('passwords')
    .set({ profile })
    .where('user_id', '=', userId)
    .where('profile', 'is', null)
    .execute()
}

/** @returns the hash that was deleted; null where there was none */
export async function deletePassword(tx: Tx, userId: string): Promise<string | null> {
  const row = await tx
    .deleteFrom('passwords')
    .where('user_id', '=', userId)
    .returning('hash')
    .executeTakeFirst()
  return row?.hash ?? null
}

/** The hashes before the present one, newest first. */
export async function selectHistory(tx: Tx, userId: string, limit: number): Promise<string[]> {
  if (limit <= 0) return []
  const rows = await tx
    .selectFrom('password_history')
    .select('hash')
    .where('user_id', '=', userId)
    .orderBy('replaced_at', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => row.hash)
}

/** Names and slugs of the organizations of a user: those joined first, which a password is compared with. */
export async function selectOrganizationNames(db: Statements, userId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('memberships as m')
    .innerJoin('organizations as o', 'o.id', 'm.organization_id')
    .select(['o.name', 'o.slug'])
    .where('m.user_id', '=', userId)
    .where('o.deleted_at', 'is', null)
    .orderBy('m.joined_at')
    .limit(MOST_ORGANIZATIONS)
    .execute()
  return rows.flatMap(({ name, slug }) => [name, slug])
}

const MOST_ORGANIZATIONS = 100

/** Adds a replaced hash to the history and deletes those beyond `keep`. */
export async function insertHistory(
  tx: Tx,
  userId: string,
  hash: string,
  keep: number,
  now: Date,
): Promise<void> {
  await tx
    .insertInto('password_history')
    .values({ user_id: userId, hash, replaced_at: now })
    .onConflict((conflict) => conflict.columns(['user_id', 'replaced_at']).doUpdateSet({ hash }))
    .execute()
  const kept = tx
    .selectFrom('password_history')
    .select('replaced_at')
    .where('user_id', '=', userId)
    .orderBy('replaced_at', 'desc')
    .limit(keep)
  await tx
    .deleteFrom('password_history')
    .where('user_id', '=', userId)
    .where('replaced_at', 'not in', kept)
    .execute()
}
