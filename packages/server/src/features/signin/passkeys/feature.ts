/** The feature value of passkeys. */
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { purgeChallenges } from './challenges.ts'
import { passkeyPages } from './pages.tsx'
import { passkeyRoutes } from './routes.ts'

export const passkeyFeature = (tools: Tools): Feature => ({
  name: 'passkeys',
  rows: [...passkeyRoutes(tools), ...passkeyPages(tools)],
  jobs: [recurs('passkeys.purge', '1h', (now) => tools.db.tx('system', (tx) => purgeChallenges(tx, now)))],
})
