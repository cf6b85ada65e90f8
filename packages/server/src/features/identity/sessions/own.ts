/** A user's sessions: listing and ending them. Runs in the caller's scope, so row-level security applies as well. */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { notFound } from '../../../base/errors.ts'
import { deviceName } from '../../../base/http/request/device.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions, type SessionChecks } from './sessions.ts'
import { existsSession, selectOpenSessions } from './sql.ts'
import type { SessionView } from './view.ts'

/** Open sessions, the last seen first: the caller's, or those of a user whom row-level security lets the caller see. */
export async function listSessions(
  tools: Pick<Tools, 'db'>,
  checks: SessionChecks,
  call: Call,
  userId?: string,
): Promise<SessionView[]> {
  const scope = callerScope(call)
  const rows = await tools.db.tx(scope, (tx) => selectOpenSessions(tx, userId ?? scope.userId, call.now))
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
      acr: row.acr,
      methods: row.proofs.map(({ method }) => method),
    }))
}

/** @throws Problem NOT_FOUND for a session that is not the caller's or has ended */
export async function revokeSession(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<void> {
  const scope = callerScope(call)
  const username = call.principal?.username ?? null
  const ended = await tools.db.tx(scope, (tx) =>
    endSessions(tx, call, { userId: scope.userId, username, reason: 'revoked', only: id }),
  )
  if (ended === 0) throw notFound('session')
}

/** Whether the session is or was the caller's. */
export const isOwnSession = (tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<boolean> => {
  const { userId } = callerScope(call)
  return tools.db.tx('system', (tx) => existsSession(tx, userId, id))
}

/** Ends every session of the caller except the one of this request. @returns how many */
export async function revokeOthers(tools: Pick<Tools, 'db'>, call: Call): Promise<number> {
  const scope = callerScope(call)
  const keep = call.session ? { except: call.session.id } : {}
  const username = call.principal?.username ?? null
  return await tools.db.tx(scope, (tx) =>
    endSessions(tx, call, { userId: scope.userId, username, reason: 'revoked', ...keep }),
  )
}
