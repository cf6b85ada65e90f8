/**
 * The rules of an organization's own (custom) roles. Invariants: a role permits only permissions that exist inside
 * organizations; a caller creates, changes and deletes only roles within the caller's own permissions; a role in use
 * (by a member, an invitation or a connection) cannot be deleted; a change revokes the organization's access tokens.
 */

import { can } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, notFound, problem } from '../../../base/errors.ts'
import { ORGANIZATION_PERMISSIONS } from '../../../core/permissions/index.ts'
import { revokeOrganization } from '../../../core/revocations/index.ts'
import { isBuiltIn, ORGANIZATION_ROLES } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  assertCovers,
  inside,
  type LockedOrganization,
  recordOrganizationEvent,
} from '../membership/index.ts'
import {
  deleteOwnRole,
  insertOwnRole,
  isRoleInUse,
  selectConnectionsGiving,
  selectOwnRole,
  selectOwnRoles,
  updateOwnRole,
} from './sql.ts'
import type { OrganizationRolesTable } from './tables.ts'

/** How many custom roles one organization may have. */
const MAX_ROLES = 50

export interface RoleInOrganization {
  name: string
  description: string | null
  /** Without inherited ones. */
  permissions: readonly string[]
  inherits: OrganizationRolesTable['inherits']
  /** With inherited ones. */
  effective: readonly string[]
  isBuiltIn: boolean
}

type RoleTools = Pick<Tools, 'clock' | 'db' | 'roles'>
/** Undefined fields keep their value. */
type RoleChange = {
  [K in 'description' | 'permissions' | 'inherits']: OrganizationRolesTable[K] | undefined
}

/** The permissions that exist inside organizations: built-in ones and the app's. */
export function organizationPermissions({ roles }: Pick<Tools, 'roles'>): string[] {
  const ofApp = roles.appPermissions().filter((one) => one.organization_roles.length > 0)
  return [...Object.keys(ORGANIZATION_PERMISSIONS), ...ofApp.map(({ name }) => name)]
}

/** The built-in roles first. */
export async function listOrganizationRoles(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
): Promise<RoleInOrganization[]> {
  const id = call.organization?.id ?? ''
  const own = await tools.db.tx(callerScope(call), (tx) => selectOwnRoles(tx, id))
  const builtIn = ORGANIZATION_ROLES.map((name) => {
    const effective = tools.roles.organizationPermissionsOf(name, null)
    return { name, description: null, permissions: effective, inherits: null, effective, isBuiltIn: true }
  })
  return [...builtIn, ...own.map((row) => viewOf(tools, row))]
}

const viewOf = ({ roles }: Pick<Tools, 'roles'>, row: OrganizationRolesTable): RoleInOrganization => ({
  name: row.name,
  description: row.description,
  permissions: row.permissions,
  inherits: row.inherits,
  effective: roles.organizationPermissionsOf(row.name, row),
  isBuiltIn: false,
})

/**
 * @throws Problem VALIDATION_ERROR for a permission that does not exist, INSUFFICIENT_PERMISSIONS for one that the caller
 * lacks
 */
function assertMayDefine(
  tools: Pick<Tools, 'roles'>,
  { membership }: LockedOrganization,
  role: Pick<OrganizationRolesTable, 'permissions' | 'inherits'>,
): void {
  const known = organizationPermissions(tools)
  const at = role.permissions.findIndex((one) => !known.includes(one))
  if (at !== -1)
    throw invalid(`permissions.${at}`, 'unknown', 'There is no such permission inside organizations.')
  const permissions = withReads(role.permissions)
  assertCovers(membership, tools.roles.organizationPermissionsOf('', { ...role, permissions }))
}

/**
 * Sorted, and with the read permission that each one requires: row-level security refuses changes to rows that the
 * caller may not read.
 */
function withReads(permissions: readonly string[]): string[] {
  const reads = permissions.map((one) => one.replace(/:.*$/, ':read'))
  const existing = [...reads, 'organization:read'].filter((one) =>
    Object.hasOwn(ORGANIZATION_PERMISSIONS, one),
  )
  return [...new Set(permissions.length === 0 ? [] : [...permissions, ...existing])].sort()
}

/** @throws Problem VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, CONFLICT */
export async function createOrganizationRole(
  tools: RoleTools,
  call: Call,
  input: Pick<OrganizationRolesTable, 'name' | 'description' | 'permissions' | 'inherits'>,
): Promise<RoleInOrganization> {
  if (isBuiltIn(input.name))
    throw problem('CONFLICT', { message: 'This is the name of a built-in role. Choose another name.' })
  return await inside(tools, call, 'roles:write', async (tx, locked) => {
    assertMayDefine(tools, locked, input)
    const { id } = locked.organization
    const existing = await tx.asSystem((system) => selectOwnRoles(system, id))
    if (existing.length >= MAX_ROLES)
      throw problem('CONFLICT', {
        message: `An organization may have at most ${MAX_ROLES} custom roles. Delete one first.`,
      })
    const permissions = withReads(input.permissions)
    const row = { ...input, permissions, organization_id: id, created_at: call.now, updated_at: call.now }
    if (!(await insertOwnRole(tx, row)))
      throw problem('CONFLICT', {
        message: 'The organization has a role of this name already.',
        details: { field: 'name' },
      })
    await recordOrganizationEvent(tx, call, 'organization.role.created', id, {
      role: input.name,
      permissions,
      inherits: input.inherits,
    })
    return viewOf(tools, row)
  })
}

async function getOwnRole(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  { organization, membership }: LockedOrganization,
  name: string,
): Promise<OrganizationRolesTable> {
  if (isBuiltIn(name))
    throw problem('CONFLICT', {
      message: 'A built-in role cannot be changed or deleted. Create a custom role instead.',
    })
  const row = await tx.asSystem((system) => selectOwnRole(system, organization.id, name))
  if (!row) throw notFound('role')
  assertCovers(membership, tools.roles.organizationPermissionsOf(name, row))
  return row
}

/** @throws Problem NOT_FOUND, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, CONFLICT */
export async function changeOrganizationRole(
  tools: RoleTools,
  call: Call,
  name: string,
  change: RoleChange,
): Promise<RoleInOrganization> {
  return await inside(tools, call, 'roles:write', async (tx, locked) => {
    const before = await getOwnRole(tools, tx, locked, name)
    const { id } = locked.organization
    const wanted = {
      description: change.description === undefined ? before.description : change.description,
      permissions: change.permissions === undefined ? before.permissions : withReads(change.permissions),
      inherits: change.inherits === undefined ? before.inherits : change.inherits,
    }
    assertMayDefine(tools, locked, wanted)
    const row = await updateOwnRole(tx, id, name, wanted, call.now)
    if (!row) throw notFound('role')
    await tx.asSystem((system) => revokeOrganization(system, id, tools.clock.now()))
    const { permissions, inherits } = wanted
    await recordOrganizationEvent(tx, call, 'organization.role.updated', id, {
      role: name,
      permissions,
      inherits,
    })
    return viewOf(tools, row)
  })
}

/** @throws Problem CONFLICT with the connections that give the role, as far as the caller may see connections */
async function assertNotGiven(
  tx: Tx,
  { organization: { id }, membership }: LockedOrganization,
  name: string,
): Promise<void> {
  const connections = await tx.asSystem((system) => selectConnectionsGiving(system, id, name))
  if (connections.length === 0) return
  throw problem('CONFLICT', {
    message: 'Sign-in connections give this role. Change their `default_role` and `group_roles` first.',
    details: {
      reason: 'given_by_connections',
      ...(can(membership, 'connections:read') && { connections }),
    },
  })
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT if it is in use, also by a connection that gives it */
export async function deleteOrganizationRole(tools: RoleTools, call: Call, name: string): Promise<void> {
  await inside(tools, call, 'roles:write', async (tx, locked) => {
    await getOwnRole(tools, tx, locked, name)
    const { id } = locked.organization
    if (await tx.asSystem((system) => isRoleInUse(system, id, name)))
      throw problem('CONFLICT', { message: 'This role is in use. Give its members another role first.' })
    await assertNotGiven(tx, locked, name)
    if (!(await deleteOwnRole(tx, id, name))) throw notFound('role')
    await recordOrganizationEvent(tx, call, 'organization.role.deleted', id, { role: name })
  })
}
