/** The feature value of devices. */
import { later } from '../../../base/clock.ts'
import type { Feature } from '../../../core/feature.ts'
import { recurs } from '../../../core/jobs/index.ts'
import { type DeviceTools, deviceGrantPages } from './pages.tsx'
import { deviceGrantRoutes } from './routes.ts'
import { deleteDevicesBefore } from './sql.ts'

/** How long a device still learns that its code has expired. */
const KEPT = 3_600_000

export const deviceGrantFeature = (tools: DeviceTools): Feature => ({
  name: 'devices-without-browser',
  rows: [...deviceGrantRoutes(tools), ...deviceGrantPages(tools)],
  jobs: [
    recurs('device_authorizations.purge', '1h', (now) =>
      deleteDevicesBefore(tools.db.hot, later(now, -KEPT)),
    ),
  ],
})
