/** Every SQL statement of backup codes. */
import { sql } from 'kysely'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { FactorsTable } from '../../../core/factors/tables.ts'
import type { BackupCodesTable } from './tables.ts'

export async function insertCodes(
  tx: Tx,
  factorId: string,
  { salt, hashes }: { salt: Buffer; hashes: readonly Buffer[] },
): Promise<void> {
  const rows = hashes.map((hash) => ({ factor_id: factorId, hash, salt, used_at: null }))
  await tx.insertInto('backup_codes').values(rows).execute()
}

/** A code, and since when its set counts. */
export type BackupCodeRow = BackupCodesTable & Pick<FactorsTable, 'confirmed_at'>

/** The codes of the user's set, used ones included; none where there is no set. */
export const selectSet = async (db: Statements, userId: string): Promise<BackupCodeRow[]> =>
  (await db.executeQuery(setOf({ userId }))).rows

const setOf = compiledOnce(
  (_, { userId }: { userId: string }) => sql<BackupCodeRow>`
    select c.factor_id, c.hash, c.salt, c.used_at, f.confirmed_at from backup_codes c
    join factors f on f.id = c.factor_id
    where f.user_id = ${userId} and f.kind = 'backup_codes'`,
)

/** Uses a code up. @returns how many are left, or null where it was used already */
export async function takeCode(
  tx: Tx,
  { factor_id: factorId, hash }: Pick<BackupCodesTable, 'factor_id' | 'hash'>,
  now: Date,
): Promise<number | null> {
  const taken = await tx
    .updateTable('backup_codes')
    .set({ used_at: now })
    .where('factor_id', '=', factorId)
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .returning('factor_id')
    .executeTakeFirst()
  return taken ? await countUnused(tx, factorId) : null
}

async function countUnused(tx: Tx, factorId: string): Promise<number> {
  const { count } = await tx
    .selectFrom('backup_codes')
    .select((of) => of.fn.countAll<number>().as('count'))
    .where('factor_id', '=', factorId)
    .where('used_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Moves the codes of one factor to another. */
export async function moveCodes(tx: Tx, from: string, to: string): Promise<void> {
  await tx.updateTable('backup_codes').set({ factor_id: to }).where('factor_id', '=', from).execute()
}

export const hasCodes = async (tx: Tx, factorId: string): Promise<boolean> =>
  (await countUnused(tx, factorId)) > 0
