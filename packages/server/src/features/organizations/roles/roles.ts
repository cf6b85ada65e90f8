/**
 * An organization's own roles. Invariants: a role permits only what there is to permit inside organizations, and
 * nobody makes, changes or deletes one beyond their own permissions; a role that somebody holds stays; a change
 * reaches every token.
 */

import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { revokeOrganization } from '../../../core/revocations/index.ts'
import {
  isBuiltIn,
  ORGANIZATION_PERMISSIONS,
  ORGANIZATION_ROLES,
  type OwnRole,
} from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { record } from '../organization/organizations.ts'
import {
  deleteOwnRole,
  insertRole,
  isHeld,
  selectRole,
  selectRoles,
  updateOwnRole,
} from '../organization/sql.ts'
import { assertCovers, type Held, inside } from '../organization/standing.ts'
import type { OrganizationRolesTable } from '../organization/tables.ts'

/** How many one organization may have. */
export const MOST_ROLES = 50

export interface RoleInOrganization {
  name: string
  description: string | null
  /** As written down; what it inherits comes to it. */
  permissions: readonly string[]
  inherits: OrganizationRolesTable['inherits']
  /** With what it inherits. */
  effective: readonly string[]
  isBuiltIn: boolean
}

type RoleTools = Pick<Tools, 'clock' | 'db' | 'roles'>
/** What is undefined stays. */
export type RoleChange = {
  [K in 'description' | 'permissions' | 'inherits']: OrganizationRolesTable[K] | undefined
}

/** What there is to permit inside organizations: ours, and what the app brought for them. */
export function organizationPermissions({ roles }: Pick<Tools, 'roles'>): string[] {
  const brought = roles.appPermissions().filter((one) => one.organization_roles.length > 0)
  return [...Object.keys(ORGANIZATION_PERMISSIONS), ...brought.map(({ name }) => name)]
}

/** The built-in ones first. */
export async function listRoles(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
): Promise<RoleInOrganization[]> {
  const id = call.organization?.id ?? ''
  const own = await tools.db.tx(callerScope(call), (tx) => selectRoles(tx, id))
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

/** @throws Problem VALIDATION_ERROR for what nobody can be permitted, INSUFFICIENT_PERMISSIONS for what the caller is not */
function assertMayMake(tools: Pick<Tools, 'roles'>, { standing }: Held, role: OwnRole): void {
  const known = organizationPermissions(tools)
  const at = role.permissions.findIndex((one) => !known.includes(one))
  if (at !== -1)
    throw invalid(`permissions.${at}`, 'unknown', 'There is no such permission inside organizations.')
  const permissions = completed(role.permissions)
  assertCovers(standing, tools.roles.organizationPermissionsOf('', { ...role, permissions }))
}

/**
 * In order, with what they rest on: whoever changes something there sees it, and the organization. Row-level security
 * shows nobody what they may only change.
 */
function completed(permissions: readonly string[]): string[] {
  const reads = permissions.map((one) => one.replace(/:.*$/, ':read'))
  const there = [...reads, 'organization:read'].filter((one) => Object.hasOwn(ORGANIZATION_PERMISSIONS, one))
  return [...new Set(permissions.length === 0 ? [] : [...permissions, ...there])].sort()
}

/** @throws Problem VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, CONFLICT */
export async function createRole(
  tools: RoleTools,
  call: Call,
  wish: Pick<OrganizationRolesTable, 'name' | 'description' | 'permissions' | 'inherits'>,
): Promise<RoleInOrganization> {
  if (isBuiltIn(wish.name))
    throw problem('CONFLICT', { message: 'Every organization has a role of this name.' })
  return await inside(tools, call, 'roles:write', async (tx, held) => {
    assertMayMake(tools, held, wish)
    const { id } = held.organization
    const there = await tx.asSystem((system) => selectRoles(system, id))
    if (there.length >= MOST_ROLES)
      throw problem('CONFLICT', {
        message: `No organization may have more than ${MOST_ROLES} roles of its own.`,
      })
    const permissions = completed(wish.permissions)
    const row = { ...wish, permissions, organization_id: id, created_at: call.now, updated_at: call.now }
    if (!(await insertRole(tx, row)))
      throw problem('CONFLICT', { message: 'There is a role of this name.', details: { field: 'name' } })
    await record(tx, call, 'organization.role.created', id, {
      role: wish.name,
      permissions,
      inherits: wish.inherits,
    })
    return viewOf(tools, row)
  })
}

async function getRole(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  held: Held,
  name: string,
): Promise<OrganizationRolesTable> {
  if (isBuiltIn(name)) throw problem('CONFLICT', { message: 'A built-in role stays as it is.' })
  const row = await tx.asSystem((system) => selectRole(system, held.organization.id, name))
  if (!row) throw problem('NOT_FOUND')
  assertCovers(held.standing, tools.roles.organizationPermissionsOf(name, row))
  return row
}

/** @throws Problem NOT_FOUND, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, CONFLICT */
export async function changeOwnRole(
  tools: RoleTools,
  call: Call,
  name: string,
  change: RoleChange,
): Promise<RoleInOrganization> {
  return await inside(tools, call, 'roles:write', async (tx, held) => {
    const before = await getRole(tools, tx, held, name)
    const { id } = held.organization
    const wanted = {
      description: change.description === undefined ? before.description : change.description,
      permissions: change.permissions === undefined ? before.permissions : completed(change.permissions),
      inherits: change.inherits === undefined ? before.inherits : change.inherits,
    }
    assertMayMake(tools, held, wanted)
    const row = await updateOwnRole(tx, id, name, wanted, call.now)
    if (!row) throw problem('NOT_FOUND')
    await tx.asSystem((system) => revokeOrganization(system, id, tools.clock.now()))
    const { permissions, inherits } = wanted
    await record(tx, call, 'organization.role.updated', id, { role: name, permissions, inherits })
    return viewOf(tools, row)
  })
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT where somebody holds it */
export async function deleteRole(tools: RoleTools, call: Call, name: string): Promise<void> {
  await inside(tools, call, 'roles:write', async (tx, held) => {
    await getRole(tools, tx, held, name)
    const { id } = held.organization
    if (await tx.asSystem((system) => isHeld(system, id, name)))
      throw problem('CONFLICT', { message: 'Members hold this role. Give them another one first.' })
    if (!(await deleteOwnRole(tx, id, name))) throw problem('NOT_FOUND')
    await record(tx, call, 'organization.role.deleted', id, { role: name })
  })
}
