/** Purges attempts that have expired, after a day in which they are distinguished from unknown ones. */
import { later } from '../../../base/clock.ts'
import { recurs, type Work } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { forgetProviderSessions, purgeAttempts } from './attempts.ts'

const DAY = 86_400_000

export const attemptJobs = ({ db }: Pick<Tools, 'db'>): Work[] => [
  recurs('signin.purge', '1h', (now) =>
    db.tx('system', async (tx) => {
      await purgeAttempts(tx, later(now, -DAY))
      await forgetProviderSessions(tx, now)
    }),
  ),
]
