/** The feature value of what is done with tokens of apps. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { issuedRoutes } from './routes.ts'

export const issuedFeature = (tools: Tools): Feature => ({ name: 'issued-tokens', rows: issuedRoutes(tools) })
