/** The feature value of step-up. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { ContinuingMethod } from '../second-factor/index.ts'
import { stepUpPages } from './pages.tsx'
import { stepUpRoutes } from './routes.ts'

/** @param methods every method that continues an attempt */
export const stepUpFeature = (tools: Tools, methods: readonly ContinuingMethod[]): Feature => ({
  name: 'step-up',
  rows: [...stepUpRoutes(tools), ...stepUpPages(tools, methods)],
})
