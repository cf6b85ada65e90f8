/** The feature value of the compatibility routes. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { TokenChecks } from '../../access/tokens/index.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import { compatRoutes } from './routes.ts'

export const compatFeature = (
  tools: Tools,
  checks: { sessions: SessionChecks; tokens: TokenChecks },
): Feature => ({ name: 'compat', rows: compatRoutes(tools, checks) })
