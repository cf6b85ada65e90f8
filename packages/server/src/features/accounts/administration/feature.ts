/** The feature value of user administration. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import { administrationRoutes } from './routes.ts'

export const administrationFeature = (tools: Tools, sessions: SessionChecks): Feature => ({
  name: 'administration',
  rows: administrationRoutes(tools, sessions),
})
