/** The feature value of the security page. */
import type { Feature } from '../../../core/feature.ts'
import { securityPages } from './pages.tsx'
import type { SecuritySection } from './section.ts'

/** @param sections the rows of the list, in their order */
export const securityFeature = (sections: readonly SecuritySection[]): Feature => ({
  name: 'security',
  rows: securityPages(sections),
})
