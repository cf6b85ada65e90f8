/** Every SQL statement of codes by e-mail. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../../base/db/types.ts'

/** Writes the row of an attempt, where it has none. */
export async function insertCode(
  tx: Tx,
  { attemptId, addressKey }: { attemptId: string; addressKey: string },
  now: Date,
): Promise<void> {
  await tx
    .insertInto('email_codes')
    .values({
      attempt_id: attemptId,
      user_id: null,
      address_key: addressKey,
      code_hash: null,
      created_at: now,
    })
    .onConflict((conflict) => conflict.column('attempt_id').doNothing())
    .execute()
}

/** The address that an attempt asked a code for, in its canonical spelling; null where it asked for none. */
export async function findCodeAddress(db: Statements, attemptId: string): Promise<string | null> {
  const row = await db
    .selectFrom('email_codes')
    .select('address_key')
    .where('attempt_id', '=', attemptId)
    .executeTakeFirst()
  return row?.address_key ?? null
}

/** Whether an attempt has a guess left at its codes, in all; also where it has asked for none. */
export async function hasGuessLeft(db: Statements, attemptId: string, most: number): Promise<boolean> {
  const row = await db
    .selectFrom('email_codes')
    .select('guesses')
    .where('attempt_id', '=', attemptId)
    .executeTakeFirst()
  return row === undefined || row.guesses < most
}

/** What a guess is compared with. */
export interface CodeToGuess {
  userId: string | null
  addressKey: string
  /** null matches nothing. */
  hash: Buffer | null
}

/**
 * Counts a guess at the code of an attempt, before it is compared: of guesses at once no more than `most` are.
 * @param since a code that was sent until then has expired
 * @returns null where the attempt has no guess left
 */
export async function countCodeGuess(
  db: Statements,
  attemptId: string,
  { most, since }: { most: number; since: Date },
): Promise<CodeToGuess | null> {
  const row = await db
    .updateTable('email_codes')
    .set({ guesses: sql`guesses + 1` })
    .where('attempt_id', '=', attemptId)
    .where('guesses', '<', most)
    .returning([
      'user_id',
      'address_key',
      sql<Buffer | null>`case when sent_at[cardinality(sent_at)] > ${since} then code_hash end`.as('hash'),
    ])
    .executeTakeFirst()
  return row ? { userId: row.user_id, addressKey: row.address_key, hash: row.hash } : null
}

/** Stores the code that is sent to a user. Guesses at an earlier one of the attempt stay counted. */
export async function storeCode(
  tx: Tx,
  { attemptId, userId, hash }: { attemptId: string; userId: string; hash: Buffer },
  now: Date,
): Promise<void> {
  await tx
    .updateTable('email_codes')
    .set({ user_id: userId, code_hash: hash, sent_at: sql`array_append(sent_at, ${now})` })
    .where('attempt_id', '=', attemptId)
    .execute()
}

/** Uses a code up. @returns false where it is used, or was replaced */
export async function consumeCode(tx: Tx, attemptId: string, hash: Buffer): Promise<boolean> {
  const row = await tx
    .updateTable('email_codes')
    .set({ code_hash: null })
    .where('attempt_id', '=', attemptId)
    .where('code_hash', '=', hash)
    .returning('attempt_id')
    .executeTakeFirst()
  return row !== undefined
}

/** When the user was sent codes since then, the latest first. */
export async function codesSince(tx: Tx, userId: string, since: Date): Promise<Date[]> {
  const { rows } = await sql<{ at: Date }>`
    select sent.at from email_codes c cross join lateral unnest(c.sent_at) as sent(at)
    where c.user_id = ${userId} and sent.at > ${since} order by sent.at desc`.execute(tx)
  return rows.map(({ at }) => at)
}
