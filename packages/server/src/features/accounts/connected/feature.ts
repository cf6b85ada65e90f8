/** The feature value of connected accounts. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { departures } from './departed.ts'
import { connectedPages } from './pages.tsx'
import { tokenRelease, tokenRevocation } from './revocation.ts'
import { connectedRoutes } from './routes.ts'
import { userIdentityRoutes } from './user-routes.ts'

export const connectedFeature = (tools: Tools): Feature => ({
  name: 'connected',
  rows: [...connectedRoutes(tools), ...connectedPages(tools), ...userIdentityRoutes(tools)],
  jobs: [...tokenRelease(tools), tokenRevocation(tools), ...departures(tools)],
})
