/** The feature value of clients. */
import { clientAccessEnded, endRemainingAccess } from '../../../core/client-access.ts'
import type { Feature } from '../../../core/feature.ts'
import { recurs, runs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { purgeRegistered } from './registered.ts'
import { clientRoutes } from './routes.ts'

export const clientFeature = (tools: Tools): Feature => ({
  name: 'clients',
  rows: clientRoutes(tools),
  jobs: [
    recurs('clients.purge', '1h', (now) => purgeRegistered(tools.db.hot, now)),
    runs(clientAccessEnded, (payload) => endRemainingAccess(tools, payload)),
  ],
})
