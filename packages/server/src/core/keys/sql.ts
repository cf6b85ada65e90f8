/** The statements of signing keys. Changes of stages run under one lock, so that one of several nodes makes them. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../base/db/types.ts'
import type { KeyLine } from './stages.ts'
import type { SigningKeysTable } from './tables.ts'

/** A row of the table. */
export type KeyRow = Omit<SigningKeysTable, 'public_jwk'> & { public_jwk: Record<string, unknown> | null }

/** An advisory lock until the transaction ends. */
export async function lockKeys(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('latchkey.signing_keys'))`.execute(tx)
}

/** Newest first. */
export const listSigningKeys = (db: Statements, which: 'published' | 'all'): Promise<KeyRow[]> => {
  const all = db.selectFrom('signing_keys').selectAll().orderBy('active_at', 'desc').orderBy('kid')
  return (which === 'all' ? all : all.where('removed_at', 'is', null)).execute()
}

/** A key of any stage, while it is listed. */
export const findStoredKey = async (db: Statements, kid: string): Promise<KeyRow | null> =>
  (await db.selectFrom('signing_keys').selectAll().where('kid', '=', kid).executeTakeFirst()) ?? null

/** Inserts a key; a removed key of a secret that is configured again is restored. */
export async function insertSigningKey(
  tx: Tx,
  key: Pick<
    SigningKeysTable,
    'kid' | 'line' | 'algorithm' | 'sealed_private' | 'active_at' | 'keep_until'
  > & {
    publicJwk: object | null
  },
  now: Date,
): Promise<void> {
  const jwk = key.publicJwk === null ? null : JSON.stringify(key.publicJwk)
  await sql`
    insert into signing_keys (kid, line, algorithm, public_jwk, sealed_private, created_at, active_at, keep_until)
    values (${key.kid}, ${key.line}, ${key.algorithm}, ${jwk}::jsonb, ${key.sealed_private}, ${now}, ${key.active_at}, ${key.keep_until})
    on conflict (kid) do update set sealed_private = excluded.sealed_private, active_at = excluded.active_at,
      keep_until = excluded.keep_until, retired_at = null, removed_at = null`.execute(tx)
}

/** What signs these tokens now, or will, is kept at least so long. */
export async function extendKeep(tx: Tx, line: SigningKeysTable['line'], until: Date): Promise<void> {
  await sql`
    update signing_keys set keep_until = ${until}
    where line = ${line} and retired_at is null and removed_at is null and keep_until < ${until}`.execute(tx)
}

/** Each line by itself, as `isOfLine` tells them apart. */
export async function retireSucceeded(tx: Tx, now: Date): Promise<void> {
  await sql`
    update signing_keys k set retired_at = ${now}
    where k.retired_at is null and k.removed_at is null and exists (
      select 1 from signing_keys n
      where n.line = k.line and (k.line = 'access_token' or n.algorithm = k.algorithm)
        and n.removed_at is null and n.active_at <= ${now} and n.active_at > k.active_at)`.execute(tx)
}

/** Unpublishes keys whose last token has expired. @returns them */
export function removeDead(tx: Tx, now: Date): Promise<Pick<KeyRow, 'kid' | 'line'>[]> {
  return tx
    .updateTable('signing_keys')
    .set({ removed_at: now })
    .where('removed_at', 'is', null)
    .where('retired_at', 'is not', null)
    .where('keep_until', '<', now)
    .returning(['kid', 'line'])
    .execute()
}

/** Removes every other key of the key's line immediately. @returns their kids */
export async function removeOthers(tx: Tx, key: KeyLine & { kid: string }, now: Date): Promise<string[]> {
  const { rows } = await sql<{ kid: string }>`
    update signing_keys set removed_at = ${now}, retired_at = coalesce(retired_at, ${now})
    where removed_at is null and kid <> ${key.kid}
      and line = ${key.line} and (line = 'access_token' or algorithm = ${key.algorithm})
    returning kid`.execute(tx)
  return rows.map((row) => row.kid)
}

export async function deleteRemovedBefore(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('signing_keys').where('removed_at', '<', before).execute()
}

export async function updateSealed(tx: Tx, kid: string, from: string, to: string): Promise<void> {
  await sql`update signing_keys set sealed_private = ${to} where kid = ${kid} and sealed_private = ${from}`.execute(
    tx,
  )
}
