/** The list of the caller's own organizations. */
import type { Call } from '../../../base/call.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { type ListedOrganization, selectOwnOrganizations } from './sql.ts'

export async function listOwnOrganizations(
  tools: Pick<Tools, 'db' | 'roles' | 'keyring'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly ListedOrganization[]; nextCursor: string | null }> {
  const scope = callerScope(call)
  const list = `organizations of ${scope.userId}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(scope, (tx) => selectOwnOrganizations(tx, scope.userId, after, limit + 1))
  const { page, nextCursor } = pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
  const own = page.map((row) => {
    const { role = null, permissions = [] } = organizationOf(tools.roles, row) ?? {}
    const isActive = row.deleted_at === null && call.organization?.id === row.id
    return { organization: row, role, permissions, isActive }
  })
  return { page: own, nextCursor }
}
