/**
 * The statements that read the audit log: keyset pagination backwards in time. Every query starts at an index from a
 * position. Conditions use leakproof comparisons only; row-level security keeps others from the index.
 */

import { type RawBuilder, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import { columnsOf } from '../../../base/db/named-columns.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { AuditEventsTable } from '../../../core/audit/index.ts'

export interface EventFilter {
  /** Matches any of these. */
  types?: readonly string[] | undefined
  user_id?: string | undefined
  username?: string | undefined
  ip_address?: string | undefined
  session_id?: string | undefined
  organization_id?: string | undefined
  request_id?: string | undefined
  from?: Date | undefined
  to?: Date | undefined
}

export type EventRow = Omit<AuditEventsTable, 'details'> & {
  details: Record<string, unknown>
  /** The time of the event in full precision. */
  position: string
}

/** `position` and id of the last event of the previous page. */
export type After = readonly [position: string, id: string] | null

const COLUMNS = ['user_id', 'username', 'ip_address', 'session_id', 'organization_id', 'request_id'] as const

const all = (conditions: readonly RawBuilder<unknown>[]) => sql.join([sql`true`, ...conditions], sql` and `)

/** A page of events, newest first. */
export async function selectEvents(
  tx: Tx,
  filter: EventFilter,
  after: After,
  limit: number,
): Promise<EventRow[]> {
  const { types, from, to } = filter
  const named = COLUMNS.filter((column) => filter[column] !== undefined)
  const conditions = named.map((column) => sql`a.${sql.ref(column)} = ${filter[column]}`)
  if (from) conditions.push(sql`a.at >= ${from}`)
  if (to) conditions.push(sql`a.at < ${to}`)
  if (after) conditions.push(sql`(a.at, a.id) < (${after[0]}::timestamptz, ${after[1]})`)
  // `nulls last` selects the index of all events; without it a condition uses the index of its column
  const order = types || named.length > 0 ? sql`a.at desc` : sql`a.at desc nulls last`
  const newest = (more: readonly RawBuilder<unknown>[]) => sql`
    select ${columnsOf('audit_events', 'a')}, a.at::text as position from audit_events a where ${all([...conditions, ...more])}
    order by ${order}, a.id desc limit ${limitOf(limit)}`
  const isOneOf = types && sql`a.event_type = any(${[...types]}::text[])`
  // types alone: the newest of each type by its index, then the newest of these
  const query =
    types && named.length === 0
      ? sql<EventRow>`
        select e.* from unnest(${[...types]}::text[]) as requested (type)
        cross join lateral (${newest([sql`a.event_type = requested.type`])}) as e
        order by e.at desc, e.id desc limit ${limitOf(limit)}`
      : sql<EventRow>`${newest(isOneOf ? [isOneOf] : [])}`
  return (await query.execute(tx)).rows
}

export async function selectEvent(tx: Tx, id: string): Promise<EventRow | null> {
  const { rows } = await sql<EventRow>`
    select ${columnsOf('audit_events', 'a')}, a.at::text as position from audit_events a where a.id = ${id}`.execute(
    tx,
  )
  return rows[0] ?? null
}
