/**
 * Every SQL statement of sessions. The check runs on most requests, so it is compiled once.
 * Statements that write many rows lock them first in the order of their ids: two nodes that locked the same rows in
 * different orders would deadlock (order.test.ts).
 */

import { type CompiledQuery, type RawBuilder, type Selectable, type SqlBool, sql } from 'kysely'
import type { Acr, ProofMethod, StoredProof } from '../../../base/assurance.ts'
import { compiledOnce, type NewRow } from '../../../base/db/compiled.ts'
import { limitOf } from '../../../base/db/limit.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type PositionedRow, positioned } from '../../../base/positions.ts'
import { sightingsOf } from '../../../base/sightings.ts'
import { authoritiesOf } from '../../../core/authorities.ts'
import { hasAuthority } from '../../../core/authority-ended.ts'
import { type EndedProofs, isUsed, type ProofsUse } from '../../../core/connection-ended.ts'
import {
  ACTING_DEMAND,
  type ActingDemandRow,
  type ActingRow,
  actingJoins,
} from '../../../core/roles/acting.ts'
import type { SessionsTable } from './tables.ts'

type SessionRow = Selectable<SessionsTable>

export interface CheckedRow extends ActingRow, PositionedRow {
  organization_id: string | null
  acting_name: string | null
  id: string
  user_id: string
  created_at: Date
  authenticated_at: Date
  last_seen_at: Date
  expires_at: Date
  idle_seconds: number
  ended_at: Date | null
  end_reason: SessionsTable['end_reason']
  amr: string[]
  acr: Acr
  proofs: StoredProof[]
  username: string | null
  full_name: string | null
  locale: string | null
  status: string
  locked_at: Date | null
  locked_until: Date | null
  roles: string[]
  /** The instant from which the session does not act in its organization; milliseconds (core/policies.ts). */
  acts_until: number
}

type StoredRow = Omit<CheckedRow, 'acts_until' | 'policy_connections' | 'policy_waits_for'> & ActingDemandRow

/** Compiled once; the one parameter is the token's hash. @param isShared whether nodes share the rows */
export const sessionCheck = (db: Statements, isShared: boolean): CompiledQuery<StoredRow> =>
  sql<StoredRow>`
    select s.id, s.user_id, s.organization_id, s.created_at, s.authenticated_at, s.last_seen_at, s.expires_at, s.idle_seconds,
           s.ended_at, s.end_reason, s.amr, s.acr, s.proofs, u.username, u.full_name, u.locale, u.status,
           u.locked_at, u.locked_until, u.roles, ${ACTING_DEMAND}, o.name as acting_name${positioned(isShared)}
    from sessions s join users u on u.id = s.user_id ${actingJoins('s')}
    where s.token_hash = ${Buffer.alloc(0)} and s.limited_to is null`.compile(db)

/** Whether the user has or had the session; ended ones are kept for a while. */
export async function existsSession(tx: Tx, userId: string, id: string): Promise<boolean> {
  const query = tx.selectFrom('sessions').select('id').where('id', '=', id).where('user_id', '=', userId)
  return (await query.executeTakeFirst()) !== undefined
}

/**
 * The session acts in the organization by whose connection the user signed in, where they belong to it; else in the user's
 * organization where they belong to exactly one.
 */
export const insertSession = compiledOnce(
  (
    db,
    {
      signed_in_by,
      ...session
    }: Omit<NewRow<SessionsTable>, 'organization_id' | 'limited_to'> & { signed_in_by: string | null },
  ) => {
    const only = sql<string | null>`(
      select coalesce(max(m.organization_id) filter (where m.organization_id = ${signed_in_by}),
        case when count(*) = 1 then min(m.organization_id) end)
      from memberships m join organizations o on o.id = m.organization_id and o.deleted_at is null
      where m.user_id = ${session.user_id})`
    return db.insertInto('sessions').values({ ...session, limited_to: null, organization_id: only })
  },
)

export const selectOpenSessions = (tx: Tx, userId: string, now: Date): Promise<SessionRow[]> =>
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
  /** Only those that were started until then. */
  startedUntil?: Date
  /** Only those that have a proof by one of these methods. */
  provenBy?: readonly ProofMethod[]
}

export interface EndedSession {
  id: string
  expires_at: Date
  user_id: string
  username: string | null
}

/** Ends sessions in one statement; of concurrent calls one gets each session back. */
export async function updateEnded(
  tx: Tx,
  which: Which,
  reason: NonNullable<SessionsTable['end_reason']>,
  now: Date,
): Promise<{ id: string; expires_at: Date }[]> {
  const { rows } = await sql<{ id: string; expires_at: Date }>`
    with held as materialized (
      select id from sessions
      where user_id = ${which.userId} and ended_at is null
        ${which.only === undefined ? sql`` : sql`and id = ${which.only}`}
        ${which.except === undefined ? sql`` : sql`and id <> ${which.except}`}
        ${which.startedUntil === undefined ? sql`` : sql`and created_at <= ${which.startedUntil}`}
        ${
          which.provenBy === undefined
            ? sql``
            : sql`and exists (
          select from jsonb_array_elements(proofs) p where p ->> 'method' = any(${which.provenBy}::text[]))`
        }
      order by id for no key update
    )
    update sessions s set ended_at = ${now}, end_reason = ${reason}
    from held where s.id = held.id and s.ended_at is null
    returning s.id, s.expires_at`.execute(tx)
  return rows
}

/** Ends these sessions, which may be of several users, in one statement; of concurrent calls one gets each session back. */
export async function updateEndedOf(
  tx: Tx,
  ids: readonly string[],
  reason: NonNullable<SessionsTable['end_reason']>,
  now: Date,
): Promise<EndedSession[]> {
  const { rows } = await sql<EndedSession>`
    with held as materialized (
      select id from sessions where id = any(${[...ids]}::text[]) and ended_at is null order by id for no key update
    )
    update sessions s set ended_at = ${now}, end_reason = ${reason}
    from held, users u
    where s.id = held.id and u.id = s.user_id and s.ended_at is null
    returning s.id, s.expires_at, s.user_id, u.username`.execute(tx)
  return rows
}

/**
 * The users of open sessions with proofs that are meant, among the next `examined` sessions by any connection (an index).
 * @returns them, and the last session that was examined, null where there was none
 */
export async function selectFederated(
  tx: Tx,
  isMeant: RawBuilder<SqlBool>,
  after: string,
  examined: number,
): Promise<{ last: string | null; users: string[] }> {
  const { rows } = await sql<{ last: string | null; users: string[] }>`
    with part as materialized (
      select id, user_id, proofs from sessions
      where ended_at is null and proofs @> '[{"method": "federation"}]' and id > ${after}
      order by id limit ${limitOf(examined)}
    )
    select (select max(id) from part) as last, array(
      select distinct user_id from part
      where ${isMeant}) as users`.execute(tx)
  return rows[0] ?? { last: null, users: [] }
}

/** Ends expired sessions; with `id` that session only. @returns what this call ended, with the users */
export async function updateExpired(
  tx: Tx,
  now: Date,
  id: string | null,
): Promise<{ id: string; user_id: string; username: string | null }[]> {
  const ended = await sql<{ id: string; user_id: string; username: string | null }>`
    with held as materialized (
      select id from sessions
      where ended_at is null
        and (expires_at <= ${now} or last_seen_at + idle_seconds * interval '1 second' <= ${now})
        ${id === null ? sql`` : sql`and id = ${id}`}
      order by id for no key update
    )
    update sessions s set ended_at = ${now}, end_reason = 'expired'
    from held, users u
    where s.id = held.id and u.id = s.user_id and s.ended_at is null
    returning s.id, s.user_id, u.username`.execute(tx)
  return ended.rows
}

/** A new token for the same session, with what was proven again. @returns the row, or null if it has ended */
export async function updateToken(
  tx: Tx,
  id: string,
  tokenHash: Buffer | null,
  now: Date,
  proven?: { amr: string[]; acr: Acr; proofs: string },
): Promise<SessionRow | null> {
  const row = await tx
    .updateTable('sessions')
    .set({ ...(tokenHash && { token_hash: tokenHash }), authenticated_at: now, last_seen_at: now, ...proven })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

/** Writes many last-seen timestamps in one statement; never to an earlier time. */
export async function updateSeen(tx: Tx, ids: string[], seen: Date[]): Promise<void> {
  await sql`
    with given as materialized (${sightingsOf(ids, seen)}), held as materialized (
      select id from sessions where id = any((select ids from given)::text[]) and ended_at is null
      order by id for no key update
    )
    update sessions s set last_seen_at = greatest(s.last_seen_at, to_timestamp(v.seen / 1000))
    from given cross join unnest(given.ids, given.times) as v(id, seen) join held using (id)
    where s.id = held.id and s.ended_at is null`.execute(tx)
}

/** Skips rows that a concurrent transaction has locked: the deletion of their user deletes them. */
export async function deleteEndedSessionsBefore(tx: Tx, before: Date): Promise<void> {
  await sql`
    with held as materialized (select id from sessions where ended_at < ${before} for update skip locked)
    delete from sessions s using held where s.id = held.id`.execute(tx)
}

/**
 * Sets the organization of a session, and its token where one is given.
 * @returns the row, or null if it has ended
 */
export async function updateSessionOrganization(
  tx: Tx,
  id: string,
  organizationId: string | null,
  tokenHash: Buffer | null,
): Promise<SessionRow | null> {
  const row = await tx
    .updateTable('sessions')
    .set({ organization_id: organizationId, ...(tokenHash ? { token_hash: tokenHash } : {}) })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

/** Sets the organization of a user's open sessions that act in none. */
export async function updateUnsettled(tx: Tx, userId: string, organizationId: string): Promise<void> {
  await sql`
    with held as materialized (
      select id from sessions where user_id = ${userId} and ended_at is null and organization_id is null
      order by id for no key update
    )
    update sessions s set organization_id = ${organizationId} from held where s.id = held.id`.execute(tx)
}

/** Users with sessions that were started until then and have not ended. */
export async function selectOwnersBefore(
  tx: Tx,
  before: Date,
  limit: number,
): Promise<{ id: string; username: string | null }[]> {
  const { rows } = await sql<{ id: string; username: string | null }>`
    select u.id, u.username from users u where exists (
      select from sessions s where s.user_id = u.id and s.ended_at is null and s.created_at <= ${before})
    limit ${limit}`.execute(tx)
  return rows
}

/** The proofs of an open session, locked; null where it has ended. */
export async function lockProofs(tx: Tx, id: string, userId: string): Promise<StoredProof[] | null> {
  const row = await tx
    .selectFrom('sessions')
    .select('proofs')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  return row?.proofs ?? null
}

export const hasProof = (proof: { connection: string | null } | { identity: string }): RawBuilder<SqlBool> =>
  sql<SqlBool>`proofs @> ${JSON.stringify([proof])}::jsonb`

/** The open sessions of a user that a connection or an identity has proven, locked. */
export async function lockProvenBy(
  tx: Tx,
  userId: string,
  ended: EndedProofs,
): Promise<{ id: string; proofs: StoredProof[] }[]> {
  const { rows } = await sql<{ id: string; proofs: StoredProof[] }>`
    select id, proofs from sessions
    where user_id = ${userId} and ended_at is null
      and (${hasProof({ connection: ended.connectionId })} ${'identityId' in ended ? sql`or ${hasProof({ identity: ended.identityId })}` : sql``})
    order by id for update`.execute(tx)
  return rows
}

/** Which of these connections are used, and by which identities the user can sign in. */
export async function selectUse(
  tx: Tx,
  userId: string,
  connectionIds: readonly string[],
): Promise<ProofsUse> {
  const { rows } = await sql<{ connections: string[]; identities: string[]; known: string[] }>`
    select array(select u.id from unnest(${[...connectionIds]}::text[]) as u(id) where ${isUsed(sql`u.id`)}) as connections,
      array(select i.id from identities i where i.user_id = ${userId}) as identities,
      array(
        select distinct i.connection_id from identities i
        where i.user_id = ${userId} and i.connection_id is not null) as known`.execute(tx)
  const [row] = rows
  return {
    connections: new Set(row?.connections),
    identities: new Set(row?.identities),
    known: new Set(row?.known),
  }
}

/** What a session has proven, without what has ended. The time of authentication is never later than it was. */
export async function updateKeptProofs(
  tx: Tx,
  id: string,
  { authenticated_at, ...proven }: { amr: string[]; acr: Acr; proofs: string; authenticated_at: Date },
): Promise<void> {
  await tx
    .updateTable('sessions')
    .set({ ...proven, authenticated_at: sql<Date>`least(authenticated_at, ${authenticated_at})` })
    .where('id', '=', id)
    .execute()
}

/** The open sessions of a user with a proof by an authority, locked; and which connections are one for the account then. */
export async function lockAuthorities(
  tx: Tx,
  userId: string,
): Promise<{ sessions: { id: string; proofs: StoredProof[] }[]; authorities: ReadonlySet<string> }> {
  const { rows: sessions } = await sql<{ id: string; proofs: StoredProof[] }>`
    select id, proofs from sessions
    where ended_at is null and ${hasAuthority({ userId })}
    order by id for update`.execute(tx)
  if (sessions.length === 0) return { sessions, authorities: new Set() }
  const { rows } = await sql<{ ids: string[] }>`
    select array(${authoritiesOf('u.id')}) as ids from users u where u.id = ${userId}`.execute(tx)
  return { sessions, authorities: new Set(rows[0]?.ids) }
}

/** The same proofs with less authority: the level and the time of authentication stay. */
export const updateAuthority = async (tx: Tx, id: string, proofs: readonly StoredProof[]): Promise<void> =>
  void (await tx
    .updateTable('sessions')
    .set({ proofs: JSON.stringify(proofs) })
    .where('id', '=', id)
    .execute())
