/** The feature value of second factors. */
import { later } from '../../../base/clock.ts'
import { deleteUnconfirmed } from '../../../core/factors/index.ts'
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { mfaRoutes } from './routes.ts'

/** Within it a factor has to be confirmed; unconfirmed ones are deleted later. */
const SETUP_KEPT = 86_400_000

export const mfaFeature = (tools: Tools): Feature => ({
  name: 'mfa',
  rows: mfaRoutes(tools),
  jobs: [
    recurs('factors.purge', '1h', (now) =>
      tools.db.tx('system', (tx) => deleteUnconfirmed(tx, { before: later(now, -SETUP_KEPT) })),
    ),
  ],
})
