/**
 * What somebody is in an organization, asked for every request about one. Members are what their role says; whoever
 * administers organizations of the server may read, or do, what there is. One that was deleted is there for those
 * only who may restore it.
 */
import { can } from '@latchkey/guard'
import type { CallOrganization } from '../../base/call.ts'
import type { MembershipLookup } from '../../base/http/authenticate.ts'
import { type ActingRow, organizationOf } from '../../base/roles/acting.ts'
import { ORGANIZATION_PERMISSIONS } from '../../base/roles/index.ts'
import type { Tools } from '../../base/tools.ts'
import { membershipCheck } from './sql.ts'

const READS = Object.keys(ORGANIZATION_PERMISSIONS).filter((name) => name.endsWith(':read'))

/** @param server who they are to the server @returns null for somebody who is nothing there */
export function standingOf(
  roles: Tools['roles'],
  server: { permissions: readonly string[] },
  id: string,
  row: ActingRow,
): CallOrganization | null {
  const own = organizationOf(roles, row)
  if (can(server, 'organizations:write')) return { id, role: own?.role ?? null, permissions: ['*'] }
  if (!can(server, 'organizations:read')) return own
  const permissions = [...new Set([...(own?.permissions ?? []), ...READS])].sort()
  return { id, role: own?.role ?? null, permissions }
}

export function memberships(tools: Pick<Tools, 'db' | 'roles'>): MembershipLookup {
  const { db, roles } = tools
  const statement = membershipCheck(db.hot)
  return async (principal, organizationId, { deletedToo }) => {
    const [row] = await db.run(statement, [principal.userId, organizationId, deletedToo])
    const standing = row ? standingOf(roles, principal, row.id, row) : null
    if (!row || row.deleted_at === null || standing === null) return standing
    return can(standing, 'organization:delete') ? standing : null
  }
}
