/** The feature value of the token endpoint. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { tokenEndpointRoutes } from './routes.ts'

export const tokenEndpointFeature = (tools: Tools): Feature => ({
  name: 'token-endpoint',
  rows: tokenEndpointRoutes(tools),
})
