/** The feature value of required sign-in by a connection. */
import type { Feature } from '../../../core/feature.ts'
import { recurs, runs } from '../../../core/jobs/index.ts'
import { ssoBypassed } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { reportBypass, watchEnforcement } from './enforcement.ts'

export const ssoFeature = (tools: Tools): Feature => ({
  name: 'organization-sso',
  jobs: [
    recurs('organizations.sso_enforcement', '1m', (now) => watchEnforcement(tools, now)),
    runs(ssoBypassed, (bypass, now) => reportBypass(tools, bypass, now)),
  ],
})
