/** The feature value of authorization. */
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import { makingCodes } from './codes.ts'
import { type AuthorizeTools, authorizePages } from './pages.tsx'
import { purgeCodes, purgeRequests } from './sql.ts'

/** A used code is remembered for as long as tokens that it was exchanged for may be valid without a refresh. */
const KEPT = 24 * 3_600_000

export const authorizeFeature = (tools: Omit<AuthorizeTools, 'makeCode'>): Feature => ({
  name: 'authorize',
  rows: authorizePages({ ...tools, makeCode: makingCodes(tools) }),
  jobs: [
    recurs('authorizations.purge', '1h', (now) => purgeCodes(tools.db.hot, now, KEPT)),
    recurs('authorization_requests.purge', '1m', (now) => purgeRequests(tools.db.hot, now)),
  ],
})
