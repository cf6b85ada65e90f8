/** Every statement of the sessions room. The check is the server's hottest statement, so it is the `sql` template. */
import { type CompiledQuery, sql } from 'kysely'
import type { SessionsTable } from '../../base/db/tables.ts'
import type { Statements, Tx } from '../../base/db/types.ts'

export interface CheckedRow {
  id: string
  user_id: string
  created_at: Date
  authenticated_at: Date
  last_seen_at: Date
  expires_at: Date
  idle_seconds: number
  limited_to: SessionsTable['limited_to']
  ended_at: Date | null
  end_reason: SessionsTable['end_reason']
  amr: string[]
  username: string | null
  full_name: string | null
  locale: string | null
  status: string
  roles: string[]
}

/** Compiled once; its one parameter is the token's hash. */
export const sessionCheck = (db: Statements): CompiledQuery<CheckedRow> =>
  sql<CheckedRow>`
    select s.id, s.user_id, s.created_at, s.authenticated_at, s.last_seen_at, s.expires_at, s.idle_seconds,
           s.limited_to, s.ended_at, s.end_reason, s.amr, u.username, u.full_name, u.locale, u.status, u.roles
    from sessions s join users u on u.id = s.user_id
    where s.token_hash = ${Buffer.alloc(0)}`.compile(db)

export async function insertSession(tx: Tx, session: SessionsTable): Promise<void> {
  await tx.insertInto('sessions').values(session).execute()
}

export const selectOpen = (tx: Tx, userId: string, now: Date): Promise<SessionsTable[]> =>
  tx
    .selectFrom('sessions')
    .selectAll()
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .where(sql<boolean>`last_seen_at + idle_seconds * interval '1 second' > ${now}`)
    .orderBy('last_seen_at', 'desc')
    .limit(500)
    .execute()

/** Which sessions to end: all of a user's, all but one, or one. */
export interface Which {
  userId: string
  only?: string
  except?: string
}

/** Ends them in one statement; of many who end the same session one gets it back. */
export async function updateEnded(
  tx: Tx,
  which: Which,
  reason: NonNullable<SessionsTable['end_reason']>,
  now: Date,
): Promise<{ id: string; expires_at: Date }[]> {
  let query = tx
    .updateTable('sessions')
    .set({ ended_at: now, end_reason: reason })
    .where('user_id', '=', which.userId)
    .where('ended_at', 'is', null)
  if (which.only !== undefined) query = query.where('id', '=', which.only)
  if (which.except !== undefined) query = query.where('id', '<>', which.except)
  return await query.returning(['id', 'expires_at']).execute()
}

/** Ends what has passed a limit; with `id` that one only. @returns what this call ended, with whose it was */
export async function updateExpired(
  tx: Tx,
  now: Date,
  id: string | null,
): Promise<{ id: string; user_id: string; username: string | null }[]> {
  const ended = await sql<{ id: string; user_id: string; username: string | null }>`
    update sessions s set ended_at = ${now}, end_reason = 'expired'
    from users u
    where u.id = s.user_id and s.ended_at is null
      and (s.expires_at <= ${now} or s.last_seen_at + s.idle_seconds * interval '1 second' <= ${now})
      and (${id}::text is null or s.id = ${id})
    returning s.id, s.user_id, u.username`.execute(tx)
  return ended.rows
}

/** A new token for the same session; what it was limited to is lifted. @returns the row, or null if it has ended */
export async function updateToken(
  tx: Tx,
  id: string,
  tokenHash: Buffer,
  now: Date,
): Promise<SessionsTable | null> {
  const row = await tx
    .updateTable('sessions')
    .set({ token_hash: tokenHash, authenticated_at: now, last_seen_at: now, limited_to: null })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

/** Writes many sightings in one statement; never moves one back. */
export async function updateSeen(tx: Tx, ids: string[], seen: Date[]): Promise<void> {
  await sql`
    update sessions s set last_seen_at = greatest(s.last_seen_at, v.seen)
    from unnest(${ids}::text[], ${seen.map((at) => at.toISOString())}::timestamptz[]) as v(id, seen)
    where s.id = v.id and s.ended_at is null`.execute(tx)
}

export async function deleteEndedBefore(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('sessions').where('ended_at', '<', before).execute()
}
