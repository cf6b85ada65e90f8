/** Purges attempts that have expired. */
import { later } from '../../../base/clock.ts'
import { recurs, type Work } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { purgeAttempts } from './attempts.ts'

const DAY = 86_400_000

export const attemptJobs = ({ db }: Pick<Tools, 'db'>): Work[] => [
  recurs('signin.purge', '1h', (now) => db.tx('system', (tx) => purgeAttempts(tx, later(now, -DAY)))),
]
