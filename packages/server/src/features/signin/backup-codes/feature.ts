/** The feature value of backup codes: their routes and pages. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { backupCodePages } from './pages.tsx'
import { backupCodeRoutes } from './routes.ts'

export const backupCodeFeature = (tools: Tools): Feature => ({
  name: 'backup-codes',
  rows: [...backupCodeRoutes(tools), ...backupCodePages(tools)],
})
