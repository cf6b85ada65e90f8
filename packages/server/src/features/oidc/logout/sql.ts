/** The statements of messages to apps. A claim is one statement, so that of several nodes one sends each. */
import { type Selectable, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { newId } from '../../../base/ids.ts'
import type { LogoutDeliveriesTable } from './tables.ts'

export interface ClaimedDelivery {
  id: string
  session_id: string
  sid: string | null
  user_id: string
  /** With this one. */
  attempts: number
}

/** Apps with messages that are due, without those of `busy`. */
export async function selectDueApps(
  db: Statements,
  { busy, most, now }: { busy: readonly string[]; most: number; now: Date },
): Promise<string[]> {
  const { rows } = await sql<{ client_id: string }>`
    select distinct client_id from logout_deliveries
    where outcome is null and next_at <= ${now} and client_id <> all(${[...busy]}::text[])
    order by client_id limit ${limitOf(most)}`.execute(db)
  return rows.map(({ client_id }) => client_id)
}

/** Claims messages to an app that are due; each is due again after the wait that follows its attempt (`waits`, seconds). */
export async function claimDeliveries(
  db: Statements,
  { clientId, most, waits, now }: { clientId: string; most: number; waits: readonly number[]; now: Date },
): Promise<ClaimedDelivery[]> {
  const seconds = sql`(${[...waits]}::int[])[least(d.attempts + 1, ${waits.length}::int)]`
  const { rows } = await sql<ClaimedDelivery>`
    with due as materialized (
      select id from logout_deliveries
      where client_id = ${clientId} and outcome is null and next_at <= ${now}
      order by next_at, id limit ${limitOf(most)}
      for update skip locked
    )
    update logout_deliveries d set attempts = d.attempts + 1, attempted_at = ${now},
      next_at = ${now}::timestamptz + make_interval(secs => ${seconds})
    from due where d.id = due.id
    returning d.id, d.session_id, d.sid, d.user_id, d.attempts`.execute(db)
  return rows
}

export interface DeliveryResult {
  outcome: 'delivered' | 'failed' | null
  status: number | null
  error: string | null
}

/** Writes the result of an attempt. Whom a finished message was about is not kept. @returns whether this call finished it */
export async function updateDelivery(
  db: Statements,
  id: string,
  { outcome, status, error }: DeliveryResult,
): Promise<boolean> {
  const row = await db
    .updateTable('logout_deliveries')
    .set({ outcome, status, error, ...(outcome !== null && { user_id: null }) })
    .where('id', '=', id)
    .where('outcome', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined && outcome !== null
}

/** Of an app that wants no messages, or is gone. */
export async function deleteDeliveries(db: Statements, ids: readonly string[]): Promise<void> {
  await db.deleteFrom('logout_deliveries').where('id', 'in', ids).execute()
}

export async function deleteDeliveriesBefore(db: Statements, before: Date): Promise<void> {
  await db.deleteFrom('logout_deliveries').where('created_at', '<', before).execute()
}

export type DeliveryRow = Pick<
  Selectable<LogoutDeliveriesTable>,
  'session_id' | 'sid' | 'created_at' | 'attempted_at' | 'attempts' | 'outcome' | 'status' | 'error'
>

/** The last messages to an app that were sent at least once, the latest first. */
export const selectLastDeliveries = (
  db: Statements,
  clientId: string,
  most: number,
): Promise<DeliveryRow[]> =>
  db
    .selectFrom('logout_deliveries')
    .select(['session_id', 'sid', 'created_at', 'attempted_at', 'attempts', 'outcome', 'status', 'error'])
    .where('client_id', '=', clientId)
    .where('attempted_at', 'is not', null)
    .orderBy('attempted_at', 'desc')
    .limit(most)
    .execute()

/** A session at an app. */
export interface SessionAtApp {
  id: string
  sid: string | null
}

/** Queues messages to an app that these sessions with it have ended, in the order of their ids; `logoutsDue` wakes the sender. */
export async function queueLogouts(
  tx: Tx,
  { clientId, userId, sessions }: { clientId: string; userId: string; sessions: readonly SessionAtApp[] },
  now: Date,
): Promise<void> {
  if (sessions.length === 0) return
  const row = { client_id: clientId, user_id: userId, created_at: now, next_at: now, attempts: 0 }
  await tx
    .insertInto('logout_deliveries')
    .values(
      sessions
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .map(({ id, sid }) => ({ id: newId('lgo'), session_id: id, sid, ...row, ...UNSENT })),
    )
    .onConflict((on) => on.doNothing())
    .execute()
}

const UNSENT = { attempted_at: null, outcome: null, status: null, error: null }
