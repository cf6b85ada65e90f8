/**
 * Reads of compliance: a page of an organization's members, all of them as an export, and one's own organizations. They run
 * as the system, because no caller reads the table of factors; the organization is that of the call, in which the operation
 * requires `security:read`.
 */
import { type Call, outside } from '../../../base/call.ts'
import { decodeCursor, encodeCursor } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  type ComplianceRow,
  type EffectRow,
  type OwnDemandRow,
  selectCompliance,
  selectEffect,
  selectOwnDemands,
} from './members-sql.ts'
import { type ComplianceState, worstOf } from './policy.ts'

/** Members that one page examines for a state, so that a rare one takes no longer than a frequent one. */
const EXAMINED = 1000
/** Members that an export reads at once. */
const CHUNK = 1000

export interface ComplianceQuery {
  limit: number
  cursor?: string | undefined
  state?: ComplianceState | undefined
}

/** Of the organization that the call is about. A page may be short or empty although a further one follows. */
export async function listCompliance(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor, state }: ComplianceQuery,
): Promise<{ page: readonly ComplianceRow[]; nextCursor: string | null }> {
  const id = call.organization?.id ?? ''
  const list = `compliance of ${id} ${state ?? ''}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const states = state === undefined ? null : [state]
  const examined = state === undefined ? limit + 1 : EXAMINED
  const { rows, last } = await tools.db.tx('system', (tx) =>
    selectCompliance(tx, id, { states, after, examined, now: call.now }),
  )
  const page = rows.slice(0, limit)
  const next = rows.length > limit ? page.at(-1)?.user_id : (last ?? undefined)
  return { page, nextCursor: next === undefined ? null : encodeCursor(tools.keyring, list, [next]) }
}

/** How many active members of the organization that the call is about are in each state. */
export async function countCompliance({ db }: Pick<Tools, 'db'>, call: Call): Promise<EffectRow> {
  return await db.tx('system', (tx) => selectEffect(tx, call.organization?.id ?? '', null, call.now))
}

/** Every member, in chunks that are read in separate transactions. Audited before the first. */
export async function* exportCompliance(
  tools: Pick<Tools, 'db'>,
  call: Call,
  format: string,
  state?: ComplianceState,
): AsyncGenerator<readonly ComplianceRow[]> {
  const { userId } = callerScope(call)
  const id = call.organization?.id ?? ''
  await tools.db.tx('system', (tx) =>
    audit(tx, outside(call), {
      type: 'organization.mfa_compliance.exported',
      userId,
      username: call.principal?.username ?? null,
      organizationId: id,
      details: { format, ...(state === undefined ? {} : { state }) },
    }),
  )
  const states = state === undefined ? null : [state]
  let after: string | null = null
  do {
    const read = { states, after, examined: CHUNK, now: call.now }
    const chunk: Awaited<ReturnType<typeof selectCompliance>> = await tools.db.tx('system', (tx) =>
      selectCompliance(tx, id, read),
    )
    if (chunk.rows.length > 0) yield chunk.rows
    after = chunk.last
  } while (after !== null)
}

export interface OwnCompliance {
  state: ComplianceState
  dueAt: Date | null
  organizations: readonly OwnDemandRow[]
}

/** The demands of the caller's organizations on the caller. */
export async function getOwnCompliance(tools: Pick<Tools, 'db'>, call: Call): Promise<OwnCompliance> {
  const { userId } = callerScope(call)
  const organizations = await tools.db.tx('system', (tx) => selectOwnDemands(tx, userId, call.now))
  const all = organizations.map(({ state, due_at: dueAt }) => ({ state, dueAt }))
  return { ...worstOf(all), organizations }
}
