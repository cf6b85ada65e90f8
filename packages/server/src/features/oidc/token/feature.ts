/** The feature value of the token endpoint. */
import { createClientUses } from '../../../core/clients/index.ts'
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { Grant } from './grant.ts'
import { tokenEndpointRoutes } from './routes.ts'

/** @param further grants of other modules, by their `grant_type` */
export function tokenEndpointFeature(tools: Tools, further: Readonly<Record<string, Grant>>): Feature {
  const uses = createClientUses(tools)
  return {
    name: 'token-endpoint',
    rows: tokenEndpointRoutes(tools, further, uses),
    flush: uses.flush,
  }
}
