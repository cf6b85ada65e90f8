/**
 * The lookup that base/http makes for every row that names an organization: what the caller may do there, or why the
 * credential does not act there. A member's credential has to meet the organization's security policy; what an administrator
 * of the server may do in every organization, the server's own demands protect.
 */
import { can } from '@latchkey/guard'
import type { MembershipLookup } from '../../../base/http/request/authenticate.ts'
import { findUnmet, isBypassing, provenBy, type RefuseUnmet } from '../../../core/policies.ts'
import { createBypassRecorder } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { callerIn, withServer } from './membership.ts'
import { membershipCheck } from './sql.ts'

export function membershipLookup(
  tools: Pick<Tools, 'db' | 'roles' | 'jobs'>,
  refuse: RefuseUnmet,
): MembershipLookup {
  const { db, roles } = tools
  const statement = membershipCheck(db.hot)
  const recordBypass = createBypassRecorder(tools)
  return async (call, organizationId, { required, deletedToo }) => {
    const { principal, session, organization: acting } = call
    const values = [session?.id ?? '', principal.userId, organizationId, deletedToo]
    const [row] = await db.run(statement, values)
    if (!row) return null
    const membership = callerIn(roles, principal, acting, row.id, row)
    if (row.deleted_at !== null && !(membership && can(membership, 'organization:delete'))) return null
    const proven = session && provenBy(session, row.proofs)
    const unmet = findUnmet(row, proven, call.now)
    if (!unmet) {
      if (proven && isBypassing(row, proven)) {
        const { userId, username } = principal
        await recordBypass(call, { organizationId, sessionId: session?.id ?? '', userId, username })
        return membership && { ...membership, bypassesSso: true }
      }
      return membership
    }
    const atServer = withServer(principal, row.id, null)
    return atServer && can(atServer, required) ? atServer : await refuse(call, row, unmet)
  }
}
