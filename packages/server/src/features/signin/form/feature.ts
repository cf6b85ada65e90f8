/** The feature value of the sign-in page. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { signInPages } from './pages.tsx'

export const signInFormFeature = (tools: Tools): Feature => ({ name: 'form', rows: signInPages(tools) })
