/** The feature value of pushed requests. */
import type { Feature } from '../../../core/feature.ts'
import { type PushedTools, pushedRoutes } from './routes.ts'

export const pushedFeature = (tools: PushedTools): Feature => ({
  name: 'pushed-requests',
  rows: pushedRoutes(tools),
})
