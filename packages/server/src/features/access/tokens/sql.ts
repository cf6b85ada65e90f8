/** Every SQL statement of tokens. Rotation is one statement: of concurrent requests with a token one uses it up. */

import { type CompiledQuery, sql } from 'kysely'
import type { Acr, StoredProof } from '../../../base/assurance.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { ACTING, type ActingRow, actingJoins } from '../../../core/roles/acting.ts'
import type { RequestedClaims, TokenFamiliesTable } from './tables.ts'

/** A session with its user: the subject of tokens. */
export interface SessionRow extends ActingRow {
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

/** A family with the session that it began in, or with what it has kept of that; and with its app, if it is one's. */
export interface FamilyRow extends Omit<SessionRow, 'session_id'> {
  family_id: string
  session_id: string | null
  client_id: string | null
  grant_id: string | null
  scopes: string[] | null
  resources: string[] | null
  claims: RequestedClaims | null
  dpop_jkt: string | null
  /** Of an app's: the authentication that the user authorized it by. */
  authorized: { at: string; acr: Acr; amr: string[] } | null
}

/** Whether the user `u` is not locked. */
const isUnlocked = (now: Date) => sql<boolean>`(u.locked_at is null or u.locked_until <= ${now})`

/** How long a family without a session may rest: days, which each refresh begins again. */
const OFFLINE_IDLE = sql`interval '30 days'`

/** Whether the refresh token `t` is valid at the instant: its family, its user, and its session if it has one. */
const isValid = (now: Date) => sql<boolean>`(
  f.revoked_at is null and u.status = 'active' and ${isUnlocked(now)} and case when f.session_id is null
    then f.expires_at > ${now} and t.created_at > ${now}::timestamptz - ${OFFLINE_IDLE}
    else s.ended_at is null and s.limited_to is null and s.expires_at > ${now}
      and s.last_seen_at + s.idle_seconds * interval '1 second' > ${now} end)`

const FAMILY = sql`f.id as family_id, f.session_id, f.user_id, u.username, u.roles, coalesce(s.amr, f.amr) as amr,
  coalesce(s.acr, f.acr) as acr, coalesce(s.proofs, f.proofs) as proofs,
  coalesce(s.authenticated_at, f.authenticated_at) as authenticated_at, coalesce(s.expires_at, f.expires_at) as expires_at,
  f.client_id, f.grant_id, f.scopes, f.resources, f.claims, f.dpop_jkt,
  case when f.client_id is not null
    then jsonb_build_object('at', f.authenticated_at, 'acr', f.acr, 'amr', f.amr) end as authorized, ${ACTING}`
/** Joins the user, the session if there is one, and the organization that the family acts in. */
const FAMILY_JOINS = sql`join users u on u.id = f.user_id left join sessions s on s.id = f.session_id
  cross join lateral (
    select f.user_id, case when f.client_id is null then s.organization_id else f.organization_id end as organization_id
  ) a ${actingJoins('a')}`

const NONE = new Date(0)
const NO_HASHES: Buffer[] = []
const NO_TEXTS: (string | null)[] = []

export type Rotated = FamilyRow & { token_hash: Buffer }

/** A refresh token as it is presented. */
export interface Presented {
  token: string
  /** The app that presents it; null: its holder, at our own API. */
  client: string | null
  /** The digest of the key that the app has proven to hold. */
  jkt: string | null
}

/**
 * Compiled once; parameters by `rotationValues`. Uses up each token that is unused, valid and its app's, inserts its successor,
 * and returns the subjects. Rows are locked in one order, so that two nodes with the same tokens do not deadlock. Families
 * are locked `for share`, so rotations do not block each other, but a revocation and a rotation do: either the
 * revocation waits and covers what was issued, or the rotation waits and issues nothing. The validity of a token is a
 * subquery: with a join, a plan made for few sessions would scan all of them. The hashes are subqueries as well, so that PostgreSQL
 * cannot count them: it would find a plan for one token cheaper than that for any number, and plan the statement at each run.
 */
export const rotation = (db: Statements): CompiledQuery<Rotated> =>
  sql<Rotated>`
    with asked as materialized (
      select * from unnest((select ${NO_HASHES}::bytea[]), ${NO_HASHES}::bytea[], ${NO_TEXTS}::text[], ${NO_TEXTS}::text[])
        as one (hash, successor, client, jkt)
    ), held as materialized (
      select t.token_hash from refresh_tokens t
      where t.token_hash = any((select ${NO_HASHES}::bytea[])::bytea[]) and t.used_at is null and (
        select ${isValid(NONE)} and exists (
          select 1 from asked
          where asked.hash = t.token_hash and asked.client is not distinct from f.client_id
            and (f.dpop_jkt is null or asked.jkt = f.dpop_jkt))
        from token_families f left join sessions s on s.id = f.session_id join users u on u.id = f.user_id
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
      select distinct asked.successor, used.family_id, ${NONE}::timestamptz
      from used join asked on asked.hash = used.token_hash
    )
    select used.token_hash, ${FAMILY}
    from used join token_families f on f.id = used.family_id ${FAMILY_JOINS}`.compile(db)

/** In the order of the statement's placeholders. */
export const rotationValues = (
  presented: readonly Presented[],
  hashes: Buffer[],
  successors: Buffer[],
  now: Date,
): unknown[] => [
  hashes,
  successors,
  presented.map(({ client }) => client),
  presented.map(({ jkt }) => jkt),
  hashes,
  ...Array.from({ length: 7 }, () => now),
]

export type Found = FamilyRow & { used_at: Date | null; is_valid: boolean; is_revoked: boolean }

/** Waits for a concurrent revocation of the family, as `rotation` does. */
export async function findToken(db: Statements, hash: Buffer, now: Date): Promise<Found | null> {
  const { rows } = await sql<Found>`
    select ${FAMILY}, t.used_at, ${isValid(now)} as is_valid, f.revoked_at is not null as is_revoked
    from refresh_tokens t join token_families f on f.id = t.family_id ${FAMILY_JOINS}
    where t.token_hash = ${hash}
    for share of f`.execute(db)
  return rows[0] ?? null
}

/** The subject of a token for a session; null where it has ended or is limited. Waits for a concurrent end of the session. */
export async function findSubject(tx: Tx, sessionId: string, now: Date): Promise<SessionRow | null> {
  const { rows } = await sql<SessionRow>`
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
): Promise<SessionRow | null> {
  const { rows } = await sql<SessionRow>`
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
  await sql`
    insert into token_families (id, user_id, session_id, created_at)
    values (${family.id}, ${family.user_id}, ${family.session_id}, ${now})`.execute(tx)
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

/** Families that outlived their session: those of one go with it. */
export async function deleteOfflineFamiliesBefore(db: Statements, before: Date): Promise<void> {
  await db
    .deleteFrom('token_families')
    .where('session_id', 'is', null)
    .where('expires_at', '<', before)
    .execute()
}
