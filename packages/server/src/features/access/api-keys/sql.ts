/** Every SQL statement of API keys. The check runs on every request with a key, so it is compiled once. */

import { type CompiledQuery, sql } from 'kysely'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type PositionedRow, positioned } from '../../../base/positions.ts'
import { sightingsOf } from '../../../base/sightings.ts'
import { ACTING_DEMAND, type ActingDemandRow, actingJoins } from '../../../core/roles/acting.ts'
import type { ApiKeysTable } from './tables.ts'

/** A stored key. `['*']` in `permissions`: all that its owner has when the key is used. */
export interface Key extends Omit<ApiKeysTable, 'scopes'> {
  permissions: string[]
}

/** The column keeps its first name, which the previous version reads, and null for all permissions of the owner. */
const PERMISSIONS = sql<string[]>`coalesce(scopes, '{*}')`.as('permissions')
const KEY = [
  'id',
  'user_id',
  'organization_id',
  'name',
  'description',
  'environment',
  'hint',
  'token_hash',
  'created_at',
  'expires_at',
  'last_used_at',
  'rotated_from',
  'rotated_at',
  'revoked_at',
  PERMISSIONS,
] as const

export interface CheckedKey extends ActingDemandRow, PositionedRow {
  id: string
  user_id: string
  organization_id: string | null
  permissions: string[]
  expires_at: Date | null
  revoked_at: Date | null
  username: string | null
  full_name: string | null
  locale: string | null
  status: string
  locked_at: Date | null
  locked_until: Date | null
  roles: string[]
  /** The instant from which the key does not act in its organization; milliseconds (core/policies.ts). */
  acts_until: number
}

/** The one parameter is the hash of the whole key. @param isShared whether nodes share the rows */
export const keyCheck = (db: Statements, isShared: boolean): CompiledQuery<Omit<CheckedKey, 'acts_until'>> =>
  sql<Omit<CheckedKey, 'acts_until'>>`
    select k.id, k.user_id, k.organization_id, coalesce(k.scopes, '{*}') as permissions, k.expires_at, k.revoked_at,
           u.username, u.full_name, u.locale, u.status,
           u.locked_at, u.locked_until, u.roles, ${ACTING_DEMAND}${positioned(isShared)}
    from api_keys k join users u on u.id = k.user_id ${actingJoins('k')}
    where k.token_hash = ${Buffer.alloc(0)}`.compile(db)

/** Locks the keys of a user until the end of the transaction (advisory lock), so that concurrent inserts are counted. */
export async function lockKeysOf(tx: Tx, userId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`api_keys ${userId}`}, 0))`.execute(tx)
}

export async function isSessionOpen(tx: Tx, sessionId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('sessions')
    .select('id')
    .where('id', '=', sessionId)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}

/** The number of keys that are valid and not rotated. */
export async function countValid(tx: Tx, userId: string, now: Date): Promise<number> {
  const { count } = await tx
    .selectFrom('api_keys')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .where('rotated_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
    .executeTakeFirstOrThrow()
  return count
}

export async function insertApiKey(tx: Tx, { permissions, ...key }: Key): Promise<void> {
  const scopes = permissions.includes('*') ? null : permissions
  await tx
    .insertInto('api_keys')
    .values({ ...key, scopes })
    .execute()
}

/** All keys that are not revoked, the newest first; expired keys remain until they are purged. */
export const selectApiKeys = (tx: Tx, userId: string): Promise<Key[]> =>
  tx
    .selectFrom('api_keys')
    .select(KEY)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .orderBy('id', 'desc')
    .limit(1000)
    .execute()

export const selectApiKey = (tx: Tx, userId: string, id: string): Promise<Key | undefined> =>
  tx
    .selectFrom('api_keys')
    .select(KEY)
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()

/** @returns the key; undefined where it is revoked already, so that of concurrent calls one gets it */
export const updateKeyRevoked = (tx: Tx, userId: string, id: string, now: Date): Promise<Key | undefined> =>
  tx
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .returning(KEY)
    .executeTakeFirst()

/** Valid keys that were created until then, with their owners. */
export const selectKeysBefore = (
  tx: Tx,
  before: Date,
  limit: number,
): Promise<{ id: string; user_id: string; username: string | null }[]> =>
  tx
    .selectFrom('api_keys as k')
    .innerJoin('users as u', 'u.id', 'k.user_id')
    .select(['k.id', 'k.user_id', 'u.username'])
    .where('k.created_at', '<=', before)
    .where('k.revoked_at', 'is', null)
    .limit(limit)
    .execute()

/** Ends a valid key that is not rotated yet, now or at `until`. @returns whether this call did; of concurrent calls one does */
export async function updateRotated(
  tx: Tx,
  userId: string,
  id: string,
  until: Date | null,
  now: Date,
): Promise<boolean> {
  const end = until ? { expires_at: sql<Date>`least(expires_at, ${until})` } : { revoked_at: now }
  const row = await tx
    .updateTable('api_keys')
    .set({ rotated_at: now, ...end })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .where('rotated_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Writes many last-use timestamps in one statement; never to an earlier time. Locks the rows in the order of their ids:
 * two nodes that locked the same rows in different orders would deadlock.
 */
export async function updateUsed(tx: Tx, ids: string[], used: Date[]): Promise<void> {
  await sql`
    with given as materialized (${sightingsOf(ids, used)}), held as materialized (
      select id from api_keys where id = any((select ids from given)::text[]) order by id for no key update
    )
    update api_keys k set last_used_at = greatest(k.last_used_at, to_timestamp(v.used / 1000))
    from given cross join unnest(given.ids, given.times) as v(id, used) join held using (id)
    where k.id = held.id`.execute(tx)
}

export async function deleteEndedKeysBefore(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('api_keys').where(sql<boolean>`coalesce(revoked_at, expires_at) < ${before}`).execute()
}
