/**
 * The lookup that base/http makes for every row that names an organization: what the caller may do there, or why the
 * credential does not act there. A member's credential has to meet the organization's security policy; what an administrator
 * of the server may do in every organization, the server's own demands protect.
 */
import { can } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import { notFound, problem } from '../../../base/errors.ts'
import type { MembershipLookup } from '../../../base/http/request/authenticate.ts'
import { findUnmet, isBypassing, provenBy, type RefuseUnmet } from '../../../core/policies.ts'
import { createBypassRecorder } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { callerIn, withServer } from './membership.ts'
import { membershipCheck } from './sql.ts'

type LookupTools = Pick<Tools, 'db' | 'roles' | 'jobs'>
type MemberCall = Parameters<MembershipLookup>[0]

/** What a caller is in an organization, and what their credential lacks to act there; null for no such organization. */
function memberships(tools: LookupTools) {
  const { db, roles } = tools
  const statement = membershipCheck(db.hot)
  const recordBypass = createBypassRecorder(tools)
  return async (call: MemberCall, organizationId: string, deletedToo: boolean) => {
    const { principal, session, organization: acting } = call
    const values = [session?.id ?? '', principal.userId, organizationId, deletedToo]
    const [row] = await db.run(statement, values)
    if (!row) return null
    const membership = callerIn(roles, principal, acting, row.id, row)
    if (row.deleted_at !== null && !(membership && can(membership, 'organization:delete'))) return null
    const proven = session && provenBy(session, row.proofs)
    const unmet = findUnmet(row, proven, call.now)
    if (unmet || !proven || !isBypassing(row, proven)) return { row, membership, unmet }
    const { userId, username } = principal
    await recordBypass(call, { organizationId, sessionId: session?.id ?? '', userId, username })
    return { row, membership: membership && { ...membership, bypassesSso: true as const }, unmet }
  }
}

export interface OrganizationChecks {
  lookup: MembershipLookup
  /**
   * That the caller's credential acts in the organization, for rows that are not about one and give what acts there. Roles of the
   * server do not replace it. @throws Problem NOT_FOUND where the caller is no member; what the policy requires
   */
  assertActsIn(call: Call, organizationId: string): Promise<void>
}

export function organizationChecks(tools: LookupTools, refuse: RefuseUnmet): OrganizationChecks {
  const find = memberships(tools)
  return {
    async lookup(call, organizationId, { required, deletedToo }) {
      const found = await find(call, organizationId, deletedToo)
      if (!found) return null
      const { row, membership, unmet } = found
      if (!unmet) return membership
      const atServer = withServer(call.principal, row.id, null)
      return atServer && can(atServer, required) ? atServer : await refuse(call, row, unmet)
    },
    async assertActsIn({ principal, ...call }, organizationId) {
      if (!principal) throw problem('AUTHENTICATION_REQUIRED')
      const found = await find({ ...call, principal }, organizationId, false)
      if (!found || found.row.policy_organization === null) throw notFound('organization')
      if (found.unmet) throw await refuse({ ...call, principal }, found.row, found.unmet)
    },
  }
}
