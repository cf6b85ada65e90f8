/** The statements of devices that wait for a user. Of concurrent answers one statement takes one. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { DeviceAuthorizationsTable } from './tables.ts'

export type NewDevice = Omit<DeviceAuthorizationsTable, 'polled_at' | 'decision' | 'user_id'>

/** @returns whether it was inserted: another device may have the same code for the user */
export async function insertDevice(db: Statements, row: NewDevice): Promise<boolean> {
  const inserted = await db
    .insertInto('device_authorizations')
    .values({ ...row, polled_at: null, decision: null, user_id: null })
    .onConflict((conflict) => conflict.column('user_code').doNothing())
    .returning('hash')
    .executeTakeFirst()
  return inserted !== undefined
}

export type WaitingDevice = Omit<DeviceAuthorizationsTable, 'user_code' | 'interval_seconds' | 'polled_at'>

/** @param codes the MACs that a code may have */
export async function findDevice(
  db: Statements,
  codes: readonly Buffer[],
  now: Date,
): Promise<WaitingDevice | null> {
  const row = await db
    .selectFrom('device_authorizations')
    .select([
      'hash',
      'client_id',
      'scopes',
      'resources',
      'address',
      'created_at',
      'expires_at',
      'decision',
      'user_id',
    ])
    .where('user_code', 'in', codes)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row ?? null
}

/** @returns whether this call decided */
export async function decideDevice(
  tx: Tx,
  { hash, decision, userId }: { hash: Buffer; decision: 'allowed' | 'denied'; userId: string },
  now: Date,
): Promise<boolean> {
  const row = await tx
    .updateTable('device_authorizations')
    .set({ decision, user_id: userId })
    .where('hash', '=', hash)
    .where('decision', 'is', null)
    .where('expires_at', '>', now)
    .returning('hash')
    .executeTakeFirst()
  return row !== undefined
}

/** The time by which clocks and networks may shorten the interval; milliseconds. */
const SLACK = 1000
/** Seconds (RFC 8628 §3.5). */
const GROWTH = 5
const LONGEST_INTERVAL = 60

export interface Poll {
  decision: 'allowed' | 'denied' | null
  expires_at: Date
  /** Sooner after the last than the interval says, which has grown. */
  is_early: boolean
}

/** Notes a poll of the app’s device, by one statement. */
export async function pollDevice(
  db: Statements,
  { hash, clientId }: { hash: Buffer; clientId: string },
  now: Date,
): Promise<Poll | null> {
  const { rows } = await sql<Poll>`
    with before as materialized (
      select d.hash, d.interval_seconds, coalesce(d.decision is null
        and d.polled_at + make_interval(secs => d.interval_seconds) > ${new Date(now.getTime() + SLACK)}::timestamptz, false) as is_early
      from device_authorizations d where d.hash = ${hash} and d.client_id = ${clientId} for update
    )
    update device_authorizations d set polled_at = ${now}, interval_seconds = case when before.is_early
      then least(before.interval_seconds + ${GROWTH}::int, ${LONGEST_INTERVAL}::int) else before.interval_seconds end
    from before where d.hash = before.hash
    returning d.decision, d.expires_at, before.is_early`.execute(db)
  return rows[0] ?? null
}

export async function deleteDevicesBefore(db: Statements, before: Date): Promise<void> {
  await db.deleteFrom('device_authorizations').where('expires_at', '<', before).execute()
}
