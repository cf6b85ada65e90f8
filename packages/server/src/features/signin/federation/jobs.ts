/**
 * The job that ends what a connection alone has proven, after its use ended: sign-ins under way and sessions, with their
 * tokens. A sign-in holds the connection (`lockJoining`), so that none is completed after the commit that the job follows.
 */
import { systemCall } from '../../../base/call.ts'
import { connectionEnded } from '../../../core/connection-ended.ts'
import { runs, type Work } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import { endAttempts } from '../attempts/index.ts'

export const connectionEnding = (
  { db, log }: Pick<Tools, 'db' | 'log'>,
  checks: Pick<SessionChecks, 'endProvenBy'>,
): Work =>
  runs(connectionEnded, async ({ connection_id: id, also = [], until }, now) => {
    const ended = { connectionId: id, also, until: until === undefined ? null : new Date(until) }
    // first, because one that is completed meanwhile is a session afterwards
    const attempts = await db.tx('system', (tx) => endAttempts(tx, { provenOnlyBy: ended }, now))
    const sessions = await checks.endProvenBy(systemCall(now), ended)
    log.info(
      { connection: id, sessions, attempts },
      'ended what a connection has proven that is no longer used',
    )
  })
