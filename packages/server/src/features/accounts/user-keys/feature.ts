/** The feature value of other users' API keys. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { KeyChecks } from '../../access/api-keys/index.ts'
import { userKeyRoutes } from './routes.ts'

export const userKeyFeature = (tools: Tools, checks: KeyChecks): Feature => ({
  name: 'user-keys',
  rows: userKeyRoutes(tools, checks),
})
