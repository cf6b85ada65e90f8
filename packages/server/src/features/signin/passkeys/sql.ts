/** Every SQL statement of passkeys, except for challenges (challenges.ts). */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { PasskeyCredentialsTable } from './tables.ts'

/** A passkey as a sign-in verifies it. */
export type PasskeyRow = PasskeyCredentialsTable & { handle: Buffer; confirmed_at: Date | null }

/** A passkey as its owner sees it. */
export interface OwnPasskeyRow
  extends Pick<
    PasskeyCredentialsTable,
    'credential_id' | 'transports' | 'device_type' | 'backed_up' | 'user_verified' | 'flagged_at' | 'rp_id'
  > {
  id: string
  name: string | null
  created_at: Date
  last_used_at: Date | null
}

/** Fifty bits more than a UUID; WebAuthn §5.4.3 permits 64 bytes. */
const HANDLE = 32

/** The user's handle, made at the first passkey. */
export async function ensureHandle(tx: Tx, userId: string): Promise<Buffer> {
  await tx
    .insertInto('passkey_handles')
    .values({ user_id: userId, handle: randomBytes(HANDLE) })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { handle } = await tx
    .selectFrom('passkey_handles')
    .select('handle')
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow()
  return handle
}

export async function findHandle(tx: Tx, userId: string): Promise<Buffer | null> {
  const row = await tx
    .selectFrom('passkey_handles')
    .select('handle')
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row?.handle ?? null
}

const credentials = (db: Statements) =>
  db
    .selectFrom('passkey_credentials')
    .innerJoin('passkey_handles', 'passkey_handles.user_id', 'passkey_credentials.user_id')
    .innerJoin('factors', 'factors.id', 'passkey_credentials.factor_id')
    .selectAll('passkey_credentials')
    .select(['passkey_handles.handle', 'factors.confirmed_at'])

/** Whose passkey it is; null for an unknown one. */
export async function findOwnerId(db: Statements, credentialId: Buffer): Promise<string | null> {
  const row = await db
    .selectFrom('passkey_credentials')
    .select('user_id')
    .where('credential_id', '=', credentialId)
    .executeTakeFirst()
  return row?.user_id ?? null
}

/** The user's passkeys, with their keys. */
export const selectCredentials = (db: Statements, userId: string): Promise<PasskeyRow[]> =>
  credentials(db).where('passkey_credentials.user_id', '=', userId).execute()

/** Locks the passkey, so that its counter is compared by one sign-in at a time. */
export const lockCredential = (tx: Tx, factorId: string): Promise<PasskeyCredentialsTable | undefined> =>
  tx
    .selectFrom('passkey_credentials')
    .selectAll()
    .where('factor_id', '=', factorId)
    .forNoKeyUpdate()
    .executeTakeFirst()

/** The user's passkeys, oldest first. */
export const selectOwn = (db: Statements, userId: string): Promise<OwnPasskeyRow[]> =>
  db
    .selectFrom('passkey_credentials as c')
    .innerJoin('factors as f', 'f.id', 'c.factor_id')
    .select(['f.id', 'f.name', 'f.created_at', 'f.last_used_at'])
    .select(['c.credential_id', 'c.transports', 'c.device_type', 'c.backed_up', 'c.user_verified'])
    .select(['c.flagged_at', 'c.rp_id'])
    .where('c.user_id', '=', userId)
    .orderBy('f.created_at')
    .orderBy('f.id')
    .execute()

/** What a request names of a passkey. */
export type NamedPasskeyRow = Pick<OwnPasskeyRow, 'credential_id' | 'transports'>

/** The user's passkeys that are accepted, oldest first. */
export const selectAccepted = async (
  db: Statements,
  userId: string,
  rpId: string,
): Promise<NamedPasskeyRow[]> => (await db.executeQuery(accepted({ userId, rpId }))).rows

const accepted = compiledOnce(
  (_, { userId, rpId }: { userId: string; rpId: string }) => sql<NamedPasskeyRow>`
    select c.credential_id, c.transports from passkey_credentials c join factors f on f.id = c.factor_id
    where c.user_id = ${userId} and c.rp_id = ${rpId} and c.flagged_at is null order by f.created_at, f.id`,
)

/**
 * Those of the user who owns an identifier, by one statement that answers nothing else about the user: an account without
 * passkeys costs what an identifier of none does.
 * @param key the identifier in canonical form
 */
export const selectAcceptedOf = async (
  db: Statements,
  key: string,
  rpId: string,
): Promise<NamedPasskeyRow[]> => (await db.executeQuery(acceptedOf({ key, rpId }))).rows

const acceptedOf = compiledOnce(
  (_, { key, rpId }: { key: string; rpId: string }) => sql<NamedPasskeyRow>`
    select c.credential_id, c.transports from passkey_credentials c join factors f on f.id = c.factor_id
    where c.user_id = (
        select user_id from emails where address_key = ${key} and claimed_at is not null and is_primary
        union all select id from users where username_key = ${key} and status <> 'pending' limit 1)
      and c.rp_id = ${rpId} and c.flagged_at is null order by f.created_at, f.id`,
)

/** @returns false where the credential is registered already, by any user */
export async function insertCredential(tx: Tx, row: PasskeyCredentialsTable): Promise<boolean> {
  const inserted = await tx
    .insertInto('passkey_credentials')
    .values(row)
    .onConflict((conflict) => conflict.column('credential_id').doNothing())
    .returning('factor_id')
    .executeTakeFirst()
  return inserted !== undefined
}

export async function updateCredential(
  tx: Tx,
  factorId: string,
  change: Partial<Pick<PasskeyCredentialsTable, 'counter' | 'backed_up' | 'user_verified' | 'flagged_at'>>,
): Promise<void> {
  await tx.updateTable('passkey_credentials').set(change).where('factor_id', '=', factorId).execute()
}
