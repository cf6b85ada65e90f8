/** The feature value of connections. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { connectionPages } from './pages.tsx'
import { connectionRoutes } from './routes.ts'
import { samlConnectionPages } from './saml-pages.tsx'

export const connectionFeature = (tools: Tools): Feature => ({
  name: 'connections',
  rows: [...connectionRoutes(tools), ...connectionPages(tools), ...samlConnectionPages(tools)],
})
