/**
 * The job that ends what a connection has proven, after its use ended: sign-ins under way, and proofs of sessions, with those that
 * have no other. A sign-in holds the connection (`lockJoining`), so that none is completed after the commit that the job follows.
 */
import { systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { authorityEnded } from '../../../core/authority-ended.ts'
import { connectionEnded } from '../../../core/connection-ended.ts'
import { runs, type Work } from '../../../core/jobs/index.ts'
import { endForeign, endForeignOf } from '../../../core/member-departed.ts'
import { revokeRequired } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { provenSessions } from '../../identity/sessions/index.ts'
import { endAttempts } from '../attempts/index.ts'

export const connectionEnding = ({ clock, db, log }: Pick<Tools, 'clock' | 'db' | 'log'>): Work =>
  runs(connectionEnded, async ({ connection_id: id, version = null, until }, now) => {
    const ended = { connectionId: id, version, until: until === undefined ? null : new Date(until) }
    // first, because one that is completed meanwhile is a session afterwards
    const attempts = await db.tx('system', (tx) => endAttempts(tx, { provenBy: ended }, now))
    const sessions = await provenSessions.endEverywhere({ clock, db }, systemCall(now), ended)
    log.info(
      { connection: id, sessions, attempts },
      'ended what a connection has proven that is no longer used',
    )
  })

/**
 * The job that takes the authority for accounts from what connections of an organization have proven, where they have none any more:
 * roles of the server hold no longer in such a session, and accounts at the provider are disconnected from users who are no members.
 * A sign-in under way that counts as one, and is none any more, begins again.
 */
export const authorityEnding = ({ clock, db, jobs }: Pick<Tools, 'clock' | 'db' | 'jobs'>): Work =>
  runs(authorityEnded, async ({ organization_id: organizationId }, now) => {
    await db.tx('system', (tx) => endAttempts(tx, { authorityOf: { organizationId } }, now))
    await provenSessions.endAuthorityOf({ clock, db }, organizationId)
    await endForeign({ db, jobs }, { organizationId }, now)
  })

/**
 * The same for one user, whose address has changed or is verified no more: in the transaction of the change, which holds the
 * user's row.
 */
export async function endLostAuthority(
  tools: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  userId: string,
  now: Date,
): Promise<void> {
  await endAttempts(tx, { authorityOf: { userId } }, now)
  await provenSessions.endAuthorityIn(tools, tx, userId)
  await revokeRequired(tx, userId, tools.clock)
  await endForeignOf(tools.jobs, tx, userId, now)
}
