/** The feature value of the links in e-mails about sign-ins. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { noticePages } from './pages.tsx'

export const noticeFeature = (tools: Tools): Feature => ({ name: 'notices', rows: noticePages(tools) })
