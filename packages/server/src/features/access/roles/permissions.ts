/**
 * The catalogue of permissions: those of the server, those inside organizations, and those of the app, which are
 * created and deleted here. Roles may contain permissions that are not in the catalogue. Invariant: a permission of
 * the app never has the name of a built-in one, and its creator has it.
 */
import { type Call, outside } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { ORGANIZATION_PERMISSIONS, SERVER_PERMISSIONS } from '../../../core/permissions/index.ts'
import { revokeOrganization, revokeRoles } from '../../../core/revocations/index.ts'
import { readStoredPermissions } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { builtInPermissions, type NewPermission, type PermissionView, permissionView } from './fields.ts'
import { assertNotBeyond, lockReach, type Reach } from './reach.ts'
import { deletePermissionRow, insertPermission, removeFromOrganizations } from './sql.ts'

/** Every process holds all of them in memory. */
const MOST_PERMISSIONS = 1000

type PermissionTools = Pick<Tools, 'db' | 'clock' | 'roles'>

/** The built-in permissions first. */
export async function listPermissions(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
): Promise<PermissionView[]> {
  const own = await tools.db.tx(callerScope(call), readStoredPermissions)
  return [...builtInPermissions(tools.roles), ...own.map(permissionView)]
}

/** @throws Problem CONFLICT for a name that is taken, INSUFFICIENT_PERMISSIONS */
export const createPermission = (
  tools: PermissionTools,
  call: Call,
  input: NewPermission,
): Promise<PermissionView> =>
  changing(tools, call, input.name, async (tx, { userId, username }) => {
    const { name, description } = input
    const organization_roles = [...new Set(input.organization_roles)]
    if ((await readStoredPermissions(tx)).length >= MOST_PERMISSIONS)
      throw problem('CONFLICT', {
        message: `The server can have ${MOST_PERMISSIONS} permissions at most. Delete one first.`,
      })
    const row = { name, description, organization_roles, created_at: call.now }
    if (isBuiltIn(name) || !(await insertPermission(tx, row)))
      throw problem('CONFLICT', {
        message: 'A permission with this name exists. Choose another name.',
        details: { field: 'name' },
      })
    const details = { permission: name, organization_roles }
    await audit(tx, outside(call), { type: 'permission.created', userId, username, details })
    return permissionView(row)
  })

/**
 * Deletes a permission from the catalogue and from all roles of organizations.
 * @throws Problem NOT_FOUND, CONFLICT, INSUFFICIENT_PERMISSIONS
 */
export const deletePermission = (tools: PermissionTools, call: Call, name: string): Promise<void> =>
  changing(tools, call, name, async (tx, { userId, username, definitions }) => {
    const found = (await readStoredPermissions(tx)).find((one) => one.name === name)
    if (!found) throw notFound('permission')
    const holders = [...definitions.values()].filter((role) => role.permissions.includes(name))
    if (holders.length > 0)
      throw problem('CONFLICT', {
        message: `Remove this permission from these roles first: ${holders.map((role) => role.name).join(', ')}.`,
        details: { reason: 'held' },
      })
    await deletePermissionRow(tx, name)
    const now = tools.clock.now()
    for (const id of await removeFromOrganizations(tx, name)) await revokeOrganization(tx, id, now)
    // tokens of members contain it, and any user may be a member: tokens of all roles are refused
    if (found.organization_roles.length > 0) await revokeRoles(tx, [...definitions.keys()], now)
    await audit(tx, outside(call), {
      type: 'permission.deleted',
      userId,
      username,
      details: { permission: name },
    })
  })

const isBuiltIn = (name: string): boolean =>
  Object.hasOwn(SERVER_PERMISSIONS, name) || Object.hasOwn(ORGANIZATION_PERMISSIONS, name)

function changing<T>(
  tools: PermissionTools,
  call: Call,
  name: string,
  work: (tx: Tx, reach: Reach) => Promise<T>,
): Promise<T> {
  return tools.db.tx('system', async (tx) => {
    const reach = await lockReach(tx, call, 'roles:write')
    assertNotBeyond(reach.permissions, [name], { details: { permission: name } })
    const done = await work(tx, reach)
    await tools.roles.changed(tx)
    return done
  })
}
