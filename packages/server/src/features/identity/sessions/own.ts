/** A person's sessions: listing and ending them. Runs as the caller, so row-level security holds it too. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { problem } from '../../../base/errors.ts'
import { deviceName } from '../../../base/http/request/device.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions, type SessionChecks } from './sessions.ts'
import { selectOpen } from './sql.ts'

export const SessionView = z
  .object({
    id: z.string(),
    current: z.boolean(),
    device: z.object({ browser: z.string().nullable(), system: z.string().nullable() }),
    ip_address: z.string().nullable(),
    user_agent: z.string().nullable(),
    created_at: z.string(),
    last_seen_at: z.string(),
    expires_at: z.string(),
    remember_me: z.boolean(),
  })
  .meta({ id: 'Session' })
export type SessionView = z.infer<typeof SessionView>

/** Open sessions, the latest seen first: the caller's own, or those of a person whom they may see. */
export async function listSessions(
  tools: Pick<Tools, 'db'>,
  checks: SessionChecks,
  call: Call,
  userId?: string,
): Promise<SessionView[]> {
  const scope = callerScope(call)
  const rows = await tools.db.tx(scope, (tx) => selectOpen(tx, userId ?? scope.userId, call.now))
  return rows
    .map((row) => ({ ...row, last_seen_at: checks.lastSeen(row.id, row.last_seen_at) }))
    .sort((a, b) => b.last_seen_at.getTime() - a.last_seen_at.getTime())
    .map((row) => ({
      id: row.id,
      current: row.id === call.session?.id,
      device: deviceName(row.user_agent),
      ip_address: row.ip_address,
      user_agent: row.user_agent,
      created_at: row.created_at.toISOString(),
      last_seen_at: row.last_seen_at.toISOString(),
      expires_at: row.expires_at.toISOString(),
      remember_me: row.remember,
    }))
}

/** @throws Problem NOT_FOUND for a session that is not the caller's or has ended */
export async function revokeSession(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<void> {
  const scope = callerScope(call)
  const username = call.principal?.username ?? null
  const ended = await tools.db.tx(scope, (tx) =>
    endSessions(tx, call, { userId: scope.userId, username, reason: 'revoked', only: id }),
  )
  if (ended === 0) throw problem('NOT_FOUND')
}

/** Ends every session of the caller but the one that asks. @returns how many */
export async function revokeOthers(tools: Pick<Tools, 'db'>, call: Call): Promise<number> {
  const scope = callerScope(call)
  const keep = call.session ? { except: call.session.id } : {}
  const username = call.principal?.username ?? null
  return await tools.db.tx(scope, (tx) =>
    endSessions(tx, call, { userId: scope.userId, username, reason: 'revoked', ...keep }),
  )
}
