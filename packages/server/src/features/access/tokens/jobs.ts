/** Purges used refresh tokens, families of apps that outlived their session, and expired revocations. */
import { later } from '../../../base/clock.ts'
import { recurs, type Work } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { deleteOfflineFamiliesBefore, deleteUsedBefore } from './sql.ts'

const KEPT = 7 * 86_400_000

export const tokenJobs = ({ db, revocations }: Pick<Tools, 'db' | 'revocations'>): Work[] => [
  recurs('tokens.purge', '1h', async (now) => {
    await deleteUsedBefore(db.hot, later(now, -KEPT))
    await deleteOfflineFamiliesBefore(db.hot, later(now, -KEPT))
    await revocations.purge(now)
  }),
]
