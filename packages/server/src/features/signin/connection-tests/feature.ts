/** The feature value of test sign-ins. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { Federation } from '../federation/index.ts'
import { testRows } from './routes.tsx'

export const connectionTestFeature = (tools: Tools, federation: Federation): Feature => ({
  name: 'connection-tests',
  rows: testRows(tools, federation),
})
