/** Reads of the audit log, as the caller: a page by cursor, one event, and a stream of everything in chunks. */
import { type Call, outside } from '../../../base/call.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { notFound } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { AUDIT_EVENTS, audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type After, type EventFilter, type EventRow, selectEvent, selectEvents } from './sql.ts'

type ReadTools = Pick<Tools, 'db' | 'keyring'>

/** How many events an export reads at once and holds in memory. */
const CHUNK = 1000

/** Expands event types and prefixes (`auth.*`). No match gives an empty list, which matches no event. */
export function typesOf(patterns: readonly string[]): readonly string[] {
  const known = Object.keys(AUDIT_EVENTS)
  const named = patterns.flatMap((pattern) =>
    pattern.endsWith('*') ? known.filter((type) => type.startsWith(pattern.slice(0, -1))) : [pattern],
  )
  return [...new Set(named)].sort()
}

/** @throws Problem VALIDATION_ERROR for a cursor of another list */
export async function listEvents(
  tools: ReadTools,
  call: Call,
  filter: EventFilter,
  page: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly EventRow[]; nextCursor: string | null }> {
  const list = `audit ${JSON.stringify(filter)}`
  const [position, id] = decodeCursor(tools.keyring, list, page.cursor) ?? []
  const after: After = position === undefined || id === undefined ? null : [position, id]
  const rows = await tools.db.tx(callerScope(call), (tx) => selectEvents(tx, filter, after, page.limit + 1))
  return pageOf(tools.keyring, list, rows, page.limit, (row) => [row.position, row.id])
}

/** @throws Problem NOT_FOUND */
export async function getEvent(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<EventRow> {
  const found = isId('aud', id) ? await tools.db.tx(callerScope(call), (tx) => selectEvent(tx, id)) : null
  if (!found) throw notFound('event')
  return found
}

/** Streams every matching event, newest first; each chunk is read in a separate transaction. Audited before the first. */
export async function* exportEvents(
  tools: Pick<Tools, 'db'>,
  call: Call,
  filter: EventFilter,
  format: string,
): AsyncGenerator<readonly EventRow[]> {
  const scope = callerScope(call)
  await tools.db.tx('system', (tx) =>
    audit(tx, outside(call), {
      type: 'audit.exported',
      userId: scope.userId,
      username: call.principal?.username ?? null,
      organizationId: filter.organization_id ?? null,
      details: { format, ...filter },
    }),
  )
  let after: After = null
  for (;;) {
    const rows: readonly EventRow[] = await tools.db.tx(scope, (tx) => selectEvents(tx, filter, after, CHUNK))
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < CHUNK) return
    after = [last.position, last.id]
  }
}
