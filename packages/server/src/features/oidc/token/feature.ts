/** The feature value of the token endpoint. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { Grant } from './grant.ts'
import { tokenEndpointRoutes } from './routes.ts'

/** @param further grants of other modules, by their `grant_type` */
export const tokenEndpointFeature = (tools: Tools, further: Readonly<Record<string, Grant>>): Feature => ({
  name: 'token-endpoint',
  rows: tokenEndpointRoutes(tools, further),
})
