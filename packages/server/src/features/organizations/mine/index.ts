/**
 * The hosted pages of organizations: one's own, one of them with its members, invitations, roles and settings, and an
 * invitation for whoever was invited. Owns what people see and in which words; leaves every rule to `organizations`
 * and `invitations`, which judge again whatever a page did not offer.
 */
import type { Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { invitedPages } from '../invitations/invited/pages.tsx'
import { sendingPages } from '../invitations/pages.tsx'
import { memberPages } from '../members/pages.tsx'
import { settingsPages } from '../organization/settings/pages.tsx'
import { rolePages } from '../roles/pages.tsx'
import { listPages } from './pages.tsx'

export const organizationPages = (tools: Tools): Row[] => [
  ...listPages(tools),
  ...settingsPages(tools),
  ...memberPages(tools),
  ...sendingPages(tools),
  ...rolePages(tools),
  ...invitedPages(tools),
]
