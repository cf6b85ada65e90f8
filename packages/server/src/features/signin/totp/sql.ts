/** Every SQL statement of authenticator apps. */
import { sql } from 'kysely'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { OtpSettings } from './otp.ts'

export interface TotpSecret extends OtpSettings {
  factor_id: string
  /** Sealed. */
  secret: string
  last_step: number | null
  confirmed_at: Date | null
}

export async function insertSecret(
  tx: Tx,
  {
    factorId,
    userId,
    sealed,
    settings,
  }: { factorId: string; userId: string; sealed: string; settings: OtpSettings },
): Promise<void> {
  await tx
    .insertInto('totp_secrets')
    .values({ factor_id: factorId, user_id: userId, secret: sealed, ...settings, last_step: null })
    .execute()
}

/** The secrets of the user's confirmed authenticators, oldest first. */
export const selectSecrets = async (db: Statements, userId: string): Promise<TotpSecret[]> =>
  (await db.executeQuery(confirmedOf({ userId }))).rows

const confirmedOf = compiledOnce(
  (_, { userId }: { userId: string }) => sql<TotpSecret>`
    select t.factor_id, t.secret, t.algorithm, t.digits, t.period, t.last_step, f.confirmed_at from totp_secrets t
    join factors f on f.id = t.factor_id
    where t.user_id = ${userId} and f.confirmed_at is not null
    order by f.created_at, f.id`,
)

/** The user's authenticator that waits for its first code; null for none. */
export async function selectUnconfirmed(
  db: Statements,
  userId: string,
  factorId: string | null,
  since: Date,
): Promise<TotpSecret | null> {
  const { rows } = await sql<TotpSecret>`
    select t.factor_id, t.secret, t.algorithm, t.digits, t.period, t.last_step, f.confirmed_at from totp_secrets t
    join factors f on f.id = t.factor_id
    where t.user_id = ${userId} and f.confirmed_at is null and f.created_at > ${since}
      and (${factorId}::text is null or f.id = ${factorId})
    order by f.created_at desc, f.id desc limit 1`.execute(db)
  return rows[0] ?? null
}

/** The user's authenticators that wait for their first code. */
export async function selectUnconfirmedIds(tx: Tx, userId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('totp_secrets')
    .innerJoin('factors', 'factors.id', 'totp_secrets.factor_id')
    .select('factors.id')
    .where('totp_secrets.user_id', '=', userId)
    .where('factors.confirmed_at', 'is', null)
    .execute()
  return rows.map(({ id }) => id)
}

/** Uses a step up, with all before it. @returns false where it, or a later one, was used already */
export const takeStep = async (tx: Tx, factorId: string, step: number): Promise<boolean> =>
  (await tx.executeQuery(stepTaken({ factorId, step }))).rows.length > 0

const stepTaken = compiledOnce((db, { factorId, step }: { factorId: string; step: number }) =>
  db
    .updateTable('totp_secrets')
    .set({ last_step: step })
    .where('factor_id', '=', factorId)
    .where((where) => where.or([where('last_step', 'is', null), where('last_step', '<', step)]))
    .returning('factor_id'),
)

/** A page of all secrets, by id. */
export async function listSealedSecrets(
  db: Statements,
  after: string,
  limit: number,
): Promise<{ id: string; sealed: string }[]> {
  return await db
    .selectFrom('totp_secrets')
    .select(['factor_id as id', 'secret as sealed'])
    .where('factor_id', '>', after)
    .orderBy('factor_id')
    .limit(limit)
    .execute()
}

/** Without effect where it was sealed again in the meantime. */
export async function replaceSecret(
  db: Statements,
  factorId: string,
  from: string,
  to: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('totp_secrets')
    .set({ secret: to })
    .where('factor_id', '=', factorId)
    .where('secret', '=', from)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
