/** Signing out: ends the session that the request comes under. */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from '../../identity/sessions/index.ts'

/** A session that has ended meanwhile is no error. */
export async function signOut(tools: Pick<Tools, 'db'>, call: Call): Promise<void> {
  const scope = callerScope(call)
  if (!call.session) return
  const only = call.session.id
  const username = call.principal?.username ?? null
  await tools.db.tx(scope, (tx) =>
    endSessions(tx, call, { userId: scope.userId, username, reason: 'signed_out', only }),
  )
}
