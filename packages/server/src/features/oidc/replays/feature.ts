/** The feature value: what was used is forgotten when its time refuses it. */
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'

export const replayFeature = ({ db }: Pick<Tools, 'db'>): Feature => ({
  name: 'replays',
  rows: [],
  jobs: [
    recurs('replays.purge', '5m', async (now) => {
      await db.hot.deleteFrom('used_proofs').where('expires_at', '<', now).execute()
    }),
  ],
})
