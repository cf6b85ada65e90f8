/** The feature value of logout. */
import { z } from 'zod'
import type { Feature } from '../../../core/feature.ts'
import { job, recurs, runs } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { createDeliveries } from './deliveries.ts'
import { logoutPages } from './pages.tsx'
import { logoutRoutes } from './routes.ts'

/** Wakes the sender. What is due is in the table that the triggers of migration 0044 fill. */
export const logoutsDue = job('logouts.send', z.object({}))

export function logoutFeature(tools: Tools): Feature {
  const deliveries = createDeliveries(tools)
  return {
    name: 'logout',
    rows: [...logoutPages(tools, deliveries), ...logoutRoutes(tools)],
    jobs: [
      runs(logoutsDue, deliveries.join),
      recurs('logouts.retry', '1m', deliveries.join),
      recurs('logouts.purge', '1h', deliveries.purge),
    ],
    flush: deliveries.flush,
  }
}
