/**
 * The roles of users. Invariants: a registration that is not verified is given no role; callers grant and revoke only
 * roles that they may grant, and only of users whose permissions they have themselves (privilege escalation); there
 * is always an administrator; from the commit on the new roles apply to the next request of every session, and tokens
 * with the old ones are refused.
 */
import { can, effectivePermissions } from '@latchkey/guard'
import { type Call, outside } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, notFound, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { revokeUser } from '../../../core/revocations/index.ts'
import { isAdminRole, lockRoles, readStoredRoles } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotLastAdministrator } from '../../identity/lifecycle/index.ts'
import { getUser } from '../../identity/users/index.ts'
import type { UserRolesView } from './fields.ts'
import {
  assertMayGrantServerRole,
  assertNotBeyond,
  type Definitions,
  definitionsOf,
  lockReach,
  type Reach,
} from './reach.ts'
import { selectHolder, updateUserRoles } from './sql.ts'

/** @throws Problem NOT_FOUND */
export async function getUserRoles(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  userId: string,
): Promise<UserRolesView> {
  const { roles } = await getVisibleUser(tools, call, userId)
  return {
    user_id: userId,
    role: tools.roles.primaryOf(roles),
    roles,
    permissions: [...tools.roles.permissionsOf(roles)],
  }
}

/**
 * Replaces all roles of a user.
 * @throws Problem NOT_FOUND, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, CONFLICT for the last administrator
 */
export async function changeUserRoles(
  tools: Pick<Tools, 'db' | 'clock'>,
  call: Call,
  userId: string,
  names: readonly string[],
): Promise<UserRolesView> {
  assertMayReadUsers(call)
  await getVisibleUser(tools, call, userId)
  return await tools.db.tx('system', (tx) => replaceUserRoles(tools, tx, call, userId, names))
}

/**
 * As changeUserRoles, in a transaction of the system that changes more of the user. Takes the lock on roles: call it, or
 * lockRoles, before an address or a user is locked.
 */
export async function replaceUserRoles(
  tools: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  userId: string,
  names: readonly string[],
): Promise<UserRolesView> {
  assertMayReadUsers(call)
  const reach = await lockReach(tx, call, 'users:grant')
  const holder = await selectHolder(tx, userId)
  if (!holder) throw notFound('user')
  const to = inOrder(reach.definitions, names)
  await replace(tools, tx, call, reach, { ...holder, id: userId }, to)
  return {
    user_id: userId,
    role: to[0] ?? null,
    roles: to,
    permissions: [...effectivePermissions(reach.definitions, to)],
  }
}

/** A caller who may not read users cannot change their roles. @throws Problem INSUFFICIENT_PERMISSIONS */
function assertMayReadUsers({ principal }: Call): void {
  if (!principal || !can(principal, 'users:read'))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: 'users:read' } })
}

/** A user, read in the caller's scope. @throws Problem NOT_FOUND */
async function getVisibleUser(tools: Pick<Tools, 'db'>, call: Call, userId: string) {
  if (!isId('usr', userId)) throw notFound('user')
  return await tools.db.tx(callerScope(call), (tx) => getUser(tx, userId))
}

/** Without duplicates, the most powerful first. @throws Problem VALIDATION_ERROR */
function inOrder(definitions: Definitions, names: readonly string[]): string[] {
  const unknown = names.find((name) => !definitions.has(name))
  if (unknown !== undefined) throw invalid('roles', 'unknown_role', `There is no role ${unknown}.`)
  return [...definitions.keys()].filter((name) => names.includes(name))
}

interface Holder {
  id: string
  username: string | null
  roles: string[]
  status: string
}

async function replace(
  { clock }: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  reach: Reach,
  holder: Holder,
  to: string[],
): Promise<void> {
  const { id: userId, roles: from } = holder
  const { definitions } = reach
  const changed = [...from.filter((name) => !to.includes(name)), ...to.filter((name) => !from.includes(name))]
  if (changed.length === 0) return
  assertNotBeyond(reach.permissions, effectivePermissions(definitions, from), {
    details: { user_id: userId },
  })
  // the name of a deleted role permits nothing; every caller may remove it
  for (const name of changed) if (definitions.has(name)) assertMayGrantServerRole(reach, name)
  await write({ clock }, tx, call, { definitions, by: reach.userId }, holder, to)
}

/**
 * Replaces all roles of a user, as the operator, who may grant every role.
 * @throws Problem NOT_FOUND, VALIDATION_ERROR, CONFLICT for the last administrator
 */
export async function replaceRolesByOperator(
  tools: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  userId: string,
  names: readonly string[],
): Promise<void> {
  await lockRoles(tx)
  const definitions = definitionsOf(await readStoredRoles(tx))
  const holder = await selectHolder(tx, userId)
  if (!holder) throw notFound('user')
  const to = inOrder(definitions, names)
  const isSame = to.length === holder.roles.length && to.every((name) => holder.roles.includes(name))
  if (!isSame) await write(tools, tx, call, { definitions, by: 'operator' }, { ...holder, id: userId }, to)
}

async function write(
  { clock }: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  { definitions, by }: { definitions: Definitions; by: string },
  { id: userId, username, roles: from, status }: Holder,
  to: string[],
): Promise<void> {
  // a registration may be a stranger's, with a stranger's password, until its address is verified
  if (status === 'pending' && to.some((name) => !from.includes(name)))
    throw problem('CONFLICT', {
      message: 'The address of this account is not verified yet: roles can be given afterwards.',
      details: { reason: 'not_verified' },
    })
  if (!isAdministrator(definitions, to) && isAdministrator(definitions, from))
    await assertNotLastAdministrator(tx, userId)
  await updateUserRoles(tx, userId, to, call.now)
  await revokeUser(tx, userId, clock)
  await audit(tx, outside(call), { type: 'user.roles.changed', userId, username, details: { by, from, to } })
}

function isAdministrator(definitions: Definitions, names: readonly string[]): boolean {
  return names.some((name) => {
    const found = definitions.get(name)
    return found !== undefined && isAdminRole(found)
  })
}
