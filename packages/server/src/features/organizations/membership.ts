/**
 * What somebody is in an organization, asked for every request about one. Members are what their role says; whoever
 * administers organizations of the server may read, or do, what there is.
 */
import { can } from '@latchkey/guard'
import type { MembershipLookup } from '../../base/http/authenticate.ts'
import { organizationOf } from '../../base/roles/acting.ts'
import { ORGANIZATION_PERMISSIONS } from '../../base/roles/index.ts'
import type { Tools } from '../../base/tools.ts'
import { membershipCheck } from './sql.ts'

const READS = Object.keys(ORGANIZATION_PERMISSIONS).filter((name) => name.endsWith(':read'))

export function memberships(tools: Pick<Tools, 'db' | 'roles'>): MembershipLookup {
  const { db, roles } = tools
  const statement = membershipCheck(db.hot)
  return async (principal, organizationId, { deletedToo }) => {
    const [row] = await db.run(statement, [principal.userId, organizationId, deletedToo])
    if (!row) return null
    const own = organizationOf(roles, row)
    if (can(principal, 'organizations:write'))
      return { id: row.id, role: own?.role ?? null, permissions: ['*'] }
    if (!can(principal, 'organizations:read')) return own
    const permissions = [...new Set([...(own?.permissions ?? []), ...READS])].sort()
    return { id: row.id, role: own?.role ?? null, permissions }
  }
}
