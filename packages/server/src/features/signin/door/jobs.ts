/** Purges attempts that have expired. */
import { later } from '../../../base/clock.ts'
import type { Tools } from '../../../core/tools.ts'
import { purgeAttempts } from './attempts.ts'

const DAY = 86_400_000

export const doorJobs = ({ db, jobs }: Pick<Tools, 'db' | 'jobs'>): void =>
  jobs.every('signin.purge', '1h', (now) => db.tx('system', (tx) => purgeAttempts(tx, later(now, -DAY))))
