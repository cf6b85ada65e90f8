/**
 * Who holds which roles. Invariants: nobody gives or takes a role beyond their own reach, nor touches somebody who
 * reaches further than they do; there is always an administrator; from the commit on the new roles count on the
 * next request of every session, and tokens made for the old ones are refused.
 */
import { can, effectivePermissions } from '@latchkey/guard'
import { type Call, outside } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { revokeUser } from '../../../core/revocations/index.ts'
import { isAdminRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotLastAdministrator } from '../../identity/lifecycle/index.ts'
import { getUser } from '../../identity/users/index.ts'
import type { UserRolesView } from './fields.ts'
import { assertMayGive, assertNotBeyond, type Definitions, lockReach, type Reach } from './reach.ts'
import { selectHolder, updateUserRoles } from './sql.ts'

/** @throws Problem NOT_FOUND */
export async function getUserRoles(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  userId: string,
): Promise<UserRolesView> {
  const { roles } = await seen(tools, call, userId)
  return {
    user_id: userId,
    role: tools.roles.primaryOf(roles),
    roles,
    permissions: [...tools.roles.permissionsOf(roles)],
  }
}

/**
 * Replaces all of somebody's roles.
 * @throws Problem NOT_FOUND, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, CONFLICT for the last administrator
 */
export async function changeUserRoles(
  tools: Pick<Tools, 'db' | 'clock'>,
  call: Call,
  userId: string,
  wanted: readonly string[],
): Promise<UserRolesView> {
  // whoever may not see somebody has nothing to give them
  if (!call.principal || !can(call.principal, 'users:read'))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: 'users:read' } })
  await seen(tools, call, userId)
  return await tools.db.tx('system', async (tx) => {
    const reach = await lockReach(tx, call, 'users:grant')
    const holder = await selectHolder(tx, userId)
    if (!holder) throw problem('NOT_FOUND')
    const to = inOrder(reach.definitions, wanted)
    await replace(tools, tx, call, reach, { ...holder, id: userId }, to)
    return {
      user_id: userId,
      role: to[0] ?? null,
      roles: to,
      permissions: [...effectivePermissions(reach.definitions, to)],
    }
  })
}

/** Somebody, as the caller may see them. @throws Problem NOT_FOUND */
async function seen(tools: Pick<Tools, 'db'>, call: Call, userId: string) {
  if (!isId('usr', userId)) throw problem('NOT_FOUND')
  return await tools.db.tx(callerScope(call), (tx) => getUser(tx, userId))
}

/** The most powerful first, each once. @throws Problem VALIDATION_ERROR */
function inOrder(definitions: Definitions, wanted: readonly string[]): string[] {
  const unknown = wanted.find((name) => !definitions.has(name))
  if (unknown !== undefined) throw invalid('roles', 'unknown_role', `There is no role ${unknown}.`)
  return [...definitions.keys()].filter((name) => wanted.includes(name))
}

async function replace(
  { clock }: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  reach: Reach,
  holder: { id: string; username: string | null; roles: string[] },
  to: string[],
): Promise<void> {
  const { id: userId, username, roles: from } = holder
  const { definitions } = reach
  const changed = [...from.filter((name) => !to.includes(name)), ...to.filter((name) => !from.includes(name))]
  if (changed.length === 0) return
  assertNotBeyond(reach.permissions, effectivePermissions(definitions, from), {
    details: { user_id: userId },
  })
  // a name that nobody defined permits nothing, and anybody may clear it away
  for (const name of changed) if (definitions.has(name)) assertMayGive(reach, name)
  if (!isAdministrator(definitions, to) && isAdministrator(definitions, from))
    await assertNotLastAdministrator(tx, userId)
  await updateUserRoles(tx, userId, to, call.now)
  await revokeUser(tx, userId, clock.now())
  const details = { by: reach.userId, from, to }
  await audit(tx, outside(call), { type: 'user.roles.changed', userId, username, details })
}

function isAdministrator(definitions: Definitions, names: readonly string[]): boolean {
  return names.some((name) => {
    const found = definitions.get(name)
    return found !== undefined && isAdminRole(found)
  })
}
