/** The feature value of authenticator apps. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { totpPages } from './pages.tsx'
import { totpRoutes } from './routes.ts'

export const totpFeature = (tools: Tools): Feature => ({
  name: 'totp',
  rows: [...totpRoutes(tools), ...totpPages(tools)],
})
