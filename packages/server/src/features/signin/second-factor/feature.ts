/** The feature value of second factors in a sign-in. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { ContinuingMethod } from './method.ts'
import { secondFactorPages } from './pages.tsx'
import { secondFactorRoutes } from './routes.ts'

/** @param methods every method that continues an attempt */
export const secondFactorFeature = (tools: Tools, methods: readonly ContinuingMethod[]): Feature => ({
  name: 'second-factor',
  rows: [...secondFactorRoutes(tools, methods), ...secondFactorPages(tools, methods)],
})
