/** The feature value of the security page. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { securityPages } from './pages.tsx'
import type { SecuritySection } from './section.ts'

/** @param sections the rows of the list, in their order */
export const securityFeature = (
  tools: Pick<Tools, 'config' | 'db'>,
  sections: readonly SecuritySection[],
): Feature => ({
  name: 'security',
  rows: securityPages(tools, sections),
})
