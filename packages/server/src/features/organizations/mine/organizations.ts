/** The list of the caller's own organizations: those that the session may know of. */
import type { Call } from '../../../base/call.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { findProvenOrganizations } from '../../../core/account-proof.ts'
import { findUnmet, provenBy } from '../../../core/policies.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { type ListedOrganization, selectOwnOrganization, selectOwnOrganizations } from './sql.ts'

export interface OwnOrganizations {
  page: readonly ListedOrganization[]
  nextCursor: string | null
  /** That the session proves nothing for the account: only organizations whose policy it meets are listed. */
  isPartial: boolean
}

/** Those whose policy the session meets, where it proves nothing for the account; null: all. */
async function findSeen(
  tools: Pick<Tools, 'db'>,
  { principal, session, now }: Call,
): Promise<string[] | null> {
  const proven = await findProvenOrganizations(tools.db.hot, session)
  if (proven === null || principal === null || session === null) return null
  const seen: string[] = []
  for (const id of proven) {
    const row = await tools.db.tx('system', (tx) =>
      selectOwnOrganization(tx, principal.userId, id, session.id),
    )
    if (row && findUnmet(row, provenBy(session, row.proofs), now) === null) seen.push(id)
  }
  return seen
}

export async function listOwnOrganizations(
  tools: Pick<Tools, 'db' | 'roles' | 'keyring'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<OwnOrganizations> {
  const scope = callerScope(call)
  const list = `organizations of ${scope.userId}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const seen = await findSeen(tools, call)
  const rows = await tools.db.tx(scope, (tx) =>
    selectOwnOrganizations(tx, scope.userId, after, limit + 1, seen),
  )
  const { page, nextCursor } = pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
  const own = page.map((row) => {
    const { role = null, permissions = [] } = organizationOf(tools.roles, row) ?? {}
    const isActive = row.deleted_at === null && call.organization?.id === row.id
    return { organization: row, role, permissions, isActive }
  })
  return { page: own, nextCursor, isPartial: seen !== null }
}
