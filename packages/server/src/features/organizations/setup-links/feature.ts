/** The feature value of set-up links. */
import { later } from '../../../base/clock.ts'
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { setupLinkPages } from './pages.tsx'
import { setupLinkRoutes } from './routes.ts'
import { purgeLinks } from './sql.ts'

/** An expired link is distinguished from an unknown one for this long. */
const KEPT = 30 * 86_400_000

export const setupLinkFeature = (tools: Tools): Feature => ({
  name: 'setup-links',
  rows: [...setupLinkRoutes(tools), ...setupLinkPages(tools)],
  jobs: [recurs('setup_links.purge', '1d', (now) => purgeLinks(tools.db, later(now, -KEPT)))],
})
