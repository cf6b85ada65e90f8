/** Every SQL statement of tokens. Rotation is one statement: of concurrent requests with a token one uses it up. */

import { type CompiledQuery, sql } from 'kysely'
import type { Acr, StoredProof } from '../../../base/assurance.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { ACTING, type ActingRow, actingJoins } from '../../../core/roles/acting.ts'
import type { TokenFamiliesTable } from './tables.ts'

/** A session with its user: the subject of tokens. */
export interface SessionRow extends ActingRow {
  family_id: string
  session_id: string
  user_id: string
  username: string | null
  roles: string[]
  amr: string[]
  acr: Acr
  proofs: StoredProof[]
  authenticated_at: Date
  expires_at: Date
}

/** Whether the user `u` is not locked. */
const isUnlocked = (now: Date) => sql<boolean>`(u.locked_at is null or u.locked_until <= ${now})`

/** Whether a refresh token is valid at the instant: its family, its session and its user all are. */
const isValid = (now: Date) => sql<boolean>`(
  f.revoked_at is null and s.ended_at is null and s.limited_to is null and s.expires_at > ${now}
  and s.last_seen_at + s.idle_seconds * interval '1 second' > ${now} and u.status = 'active'
  and ${isUnlocked(now)})`
const SUBJECT = sql`f.id as family_id, s.id as session_id, u.id as user_id, u.username, u.roles, s.amr, s.acr, s.proofs,
  s.authenticated_at, s.expires_at, ${ACTING}`

const NONE = new Date(0)
const NO_HASHES: Buffer[] = []

export type Rotated = SessionRow & { token_hash: Buffer }

/**
 * Compiled once; parameters by `rotationValues`. Uses up each token that is unused and valid, inserts its successor, and
 * returns the subjects. Rows are locked in one order, so that two nodes with the same tokens do not deadlock. Families
 * are locked `for share`, so rotations do not block each other, but a revocation and a rotation do: either the
 * revocation waits and covers what was issued, or the rotation waits and issues nothing. The validity of a token is a
 * subquery: with a join, a plan made for few sessions would scan all of them.
 */
export const rotation = (db: Statements): CompiledQuery<Rotated> =>
  sql<Rotated>`
    with held as materialized (
      select t.token_hash from refresh_tokens t
      where t.token_hash = any(${NO_HASHES}::bytea[]) and t.used_at is null and (
        select ${isValid(NONE)}
        from token_families f join sessions s on s.id = f.session_id join users u on u.id = f.user_id
        where f.id = t.family_id)
      order by t.token_hash for update
    ), kept as materialized (
      select f.id from token_families f
      where f.id in (select t.family_id from refresh_tokens t join held using (token_hash)) and f.revoked_at is null
      order by f.id for share
    ), used as (
      update refresh_tokens t set used_at = ${NONE} from held, kept
      where t.token_hash = held.token_hash and t.family_id = kept.id and t.used_at is null
      returning t.token_hash, t.family_id
    ), made as (
      insert into refresh_tokens (token_hash, family_id, created_at)
      select asked.successor, used.family_id, ${NONE}
      from used join unnest(${NO_HASHES}::bytea[], ${NO_HASHES}::bytea[]) as asked (hash, successor)
        on asked.hash = used.token_hash
    )
    select used.token_hash, ${SUBJECT}
    from used join token_families f on f.id = used.family_id
    join sessions s on s.id = f.session_id join users u on u.id = f.user_id ${actingJoins('s')}`.compile(db)

/** In the order of the statement's placeholders. */
export const rotationValues = (hashes: Buffer[], successors: Buffer[], now: Date): unknown[] => [
  hashes,
  now,
  now,
  now,
  now,
  now,
  hashes,
  successors,
]

export type Found = SessionRow & { used_at: Date | null; is_valid: boolean; is_revoked: boolean }

/** Waits for a concurrent revocation of the family, as `rotation` does. */
export async function findToken(db: Statements, hash: Buffer, now: Date): Promise<Found | null> {
  const { rows } = await sql<Found>`
    select ${SUBJECT}, t.used_at, ${isValid(now)} as is_valid, f.revoked_at is not null as is_revoked
    from refresh_tokens t join token_families f on f.id = t.family_id
    join sessions s on s.id = f.session_id join users u on u.id = f.user_id ${actingJoins('s')}
    where t.token_hash = ${hash}
    for share of f`.execute(db)
  return rows[0] ?? null
}

/** The subject of a token for a session; null where it has ended or is limited. Waits for a concurrent end of the session. */
export async function findSubject(
  tx: Tx,
  sessionId: string,
  now: Date,
): Promise<Omit<SessionRow, 'family_id'> | null> {
  const { rows } = await sql<Omit<SessionRow, 'family_id'>>`
    select s.id as session_id, s.user_id, u.username, u.roles, s.amr, s.acr, s.proofs, s.authenticated_at, s.expires_at, ${ACTING}
    from sessions s join users u on u.id = s.user_id ${actingJoins('s')}
    where s.id = ${sessionId} and u.status = 'active' and ${isUnlocked(now)}
      and s.ended_at is null and s.limited_to is null and s.expires_at > ${now}
    for share of s`.execute(tx)
  return rows[0] ?? null
}

/**
 * Extends a session to the lifetime of one with tokens; never shortens it.
 * @returns null where it has ended or is limited
 */
export async function extendSession(
  tx: Tx,
  sessionId: string,
  limits: { absolute: number; idle: number },
  now: Date,
): Promise<Omit<SessionRow, 'family_id'> | null> {
  const { rows } = await sql<Omit<SessionRow, 'family_id'>>`
    with extended as (
      update sessions s set last_seen_at = greatest(s.last_seen_at, ${now}),
        expires_at = greatest(s.expires_at, s.created_at + ${limits.absolute / 1000}::float8 * interval '1 second'),
        idle_seconds = greatest(s.idle_seconds, ${Math.round(limits.idle / 1000)}::int)
      from users u
      where s.id = ${sessionId} and u.id = s.user_id and u.status = 'active' and ${isUnlocked(now)}
        and s.ended_at is null
        and s.limited_to is null and s.expires_at > ${now}
      returning s.id, s.user_id, s.organization_id, u.username, u.roles, s.amr, s.acr, s.proofs, s.authenticated_at, s.expires_at
    )
    select s.id as session_id, s.user_id, s.username, s.roles, s.amr, s.acr, s.proofs, s.authenticated_at, s.expires_at, ${ACTING}
    from extended s ${actingJoins('s')}`.execute(tx)
  return rows[0] ?? null
}

export async function insertFamily(
  tx: Tx,
  family: Pick<TokenFamiliesTable, 'id' | 'user_id' | 'session_id'>,
  hash: Buffer,
  now: Date,
): Promise<void> {
  await tx
    .insertInto('token_families')
    .values({ ...family, created_at: now, revoked_at: null, revoke_reason: null })
    .execute()
  await tx
    .insertInto('refresh_tokens')
    .values({ token_hash: hash, family_id: family.id, created_at: now, used_at: null })
    .execute()
}

type Reason = NonNullable<TokenFamiliesTable['revoke_reason']>

/** @returns whether this call revoked the family */
export async function revokeFamily(tx: Tx, id: string, reason: Reason, now: Date): Promise<boolean> {
  const row = await tx
    .updateTable('token_families')
    .set({ revoked_at: now, revoke_reason: reason })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Locks rows in the order of `rotation`. @returns the number of the user's families that this call revoked */
export async function revokeFamiliesOf(tx: Tx, userId: string, now: Date): Promise<number> {
  const { rows } = await sql`
    with held as materialized (
      select id from token_families where user_id = ${userId} and revoked_at is null order by id for no key update
    )
    update token_families f set revoked_at = ${now}, revoke_reason = 'revoked'
    from held where f.id = held.id
    returning f.id`.execute(tx)
  return rows.length
}

/** Revokes every family that was started until then. @returns how many */
export async function revokeFamiliesBefore(tx: Tx, before: Date, now: Date): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('token_families')
    .set({ revoked_at: now, revoke_reason: 'revoked' })
    .where('created_at', '<=', before)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Deletes tokens that were used long ago, whose reuse need not be detected. The newest token of a family is unused. */
export async function deleteUsedBefore(db: Statements, before: Date): Promise<void> {
  await db.deleteFrom('refresh_tokens').where('used_at', '<', before).execute()
}
