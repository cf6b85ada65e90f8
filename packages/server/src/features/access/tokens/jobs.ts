/** Forgetting what no token depends on any more. */
import { later } from '../../../base/clock.ts'
import type { Tools } from '../../../core/tools.ts'
import { deleteUsedBefore } from './sql.ts'

const KEPT = 7 * 86_400_000

export function tokenJobs(tools: Pick<Tools, 'db' | 'jobs' | 'revocations'>): void {
  tools.jobs.every('tokens.purge', '1h', async (now) => {
    await deleteUsedBefore(tools.db.hot, later(now, -KEPT))
    await tools.revocations.purge(now)
  })
}
