/** The feature value of reading the audit log. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { auditLogRoutes } from './routes.ts'

export const auditLogFeature = (tools: Tools): Feature => ({ name: 'audit-log', rows: auditLogRoutes(tools) })
