/** The feature value of the set-up pages. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { Federation } from '../federation/index.ts'
import { setupPages } from './pages.tsx'

export const connectionSetupFeature = (tools: Tools, federation: Federation): Feature => ({
  name: 'connection-setup',
  rows: setupPages(tools, federation),
})
