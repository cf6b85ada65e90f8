/**
 * Grants of roles: what a role permits in an organization, and who may grant it. Invariant: a caller
 * neither grants a role nor acts on a member beyond the caller's own permissions.
 */
import { covers } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid } from '../../../base/errors.ts'
import { isBuiltIn } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertCovers, findMembership, type LockedOrganization } from '../membership/index.ts'
import { listOrganizationRoles, type RoleInOrganization } from './roles.ts'
import { selectOwnRolesNamed } from './sql.ts'

/** What roles permit; without those that the organization does not have. In one statement. As the system. */
export async function permissionsOfRoles(
  { roles }: Pick<Tools, 'roles'>,
  tx: Tx,
  organizationId: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const custom = names.filter((name) => !isBuiltIn(name))
  const own = custom.length === 0 ? [] : await selectOwnRolesNamed(tx, organizationId, custom)
  return new Map([
    ...names.filter(isBuiltIn).map((name) => [name, roles.organizationPermissionsOf(name, null)] as const),
    ...own.map((row) => [row.name, roles.organizationPermissionsOf(row.name, row)] as const),
  ])
}

/** Null if the organization has no such role. As the system. */
export const permissionsOfRole = async (
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  organizationId: string,
  name: string,
): Promise<readonly string[] | null> =>
  (await permissionsOfRoles(tools, tx, organizationId, [name])).get(name) ?? null

/** @throws Problem VALIDATION_ERROR for a role that does not exist, INSUFFICIENT_PERMISSIONS for one beyond the caller's */
export async function assertMayGrantRole(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  { organization, membership }: LockedOrganization,
  role: string,
): Promise<void> {
  const wanted = await tx.asSystem((system) => permissionsOfRole(tools, system, organization.id, role))
  if (wanted === null) throw invalid('role', 'unknown', 'This organization has no such role.')
  assertCovers(membership, wanted)
}

/** A member whose role was deleted has no permissions. @throws Problem INSUFFICIENT_PERMISSIONS */
export async function assertMayActOnRole(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  { organization, membership }: LockedOrganization,
  role: string,
): Promise<void> {
  const theirs = await tx.asSystem((system) => permissionsOfRole(tools, system, organization.id, role))
  assertCovers(membership, theirs ?? [])
}

/** Whether a user could grant the role now: as an active member or server administrator. As the system. */
export async function mayUserGrantRole(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  { organizationId, userId, role }: { organizationId: string; userId: string; role: string },
  now: Date,
): Promise<boolean> {
  const membership = await findMembership(tools, tx, organizationId, userId, now)
  const wanted = await permissionsOfRole(tools, tx, organizationId, role)
  return membership !== null && wanted !== null && covers(membership.permissions, wanted)
}

/** The roles of the organization that the caller may read, the caller's permissions, and the roles that they may grant. */
export async function listGrantableRoles(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
): Promise<{
  roles: readonly RoleInOrganization[]
  permissions: readonly string[]
  grantable: readonly string[]
}> {
  const permissions = call.organization?.permissions ?? []
  const roles = await listOrganizationRoles(tools, call)
  const grantable = roles.filter(({ effective }) => covers(permissions, effective)).map(({ name }) => name)
  return { roles, permissions, grantable }
}
