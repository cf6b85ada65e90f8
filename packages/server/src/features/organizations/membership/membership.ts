/**
 * Membership checks: what a caller may do in an organization. A member has the permissions of their role;
 * a server administrator may read (`organizations:read`) or do (`organizations:write`) everything; a deleted
 * organization exists only for those who may restore it.
 *
 * `inside` locks the organization's row before it reads the caller's membership, so that of two owners who demote each
 * other at once the second is no owner any more. No caller grants a role, or acts on a member, beyond the caller's own
 * permissions.
 */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call, CallOrganization, Principal } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { idInput } from '../../../base/described.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { isLocked } from '../../../core/locks.ts'
import { ORGANIZATION_PERMISSIONS } from '../../../core/permissions/index.ts'
import { organizationOf, type RoleRow } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotBeyond } from '../../access/roles/index.ts'
import {
  countOtherMembers,
  lockActiveUser,
  lockOrganization,
  type OrganizationRow,
  selectMembership,
  selectOrganization,
  upsertOwner,
} from './sql.ts'

const READS = Object.keys(ORGANIZATION_PERMISSIONS).filter((name) => name.endsWith(':read'))

/** The path parameter of every row about one organization. */
export const OneOrganization = z.object({ id: idInput('org', 'The organization.') })

/** A person's membership is read from the tables; an API key has the permissions that it was made with. */
export const callerIn = (
  roles: Tools['roles'],
  caller: Principal,
  acting: CallOrganization | null,
  id: string,
  row: RoleRow,
): CallOrganization | null => {
  const own = organizationOf(roles, row)
  if (caller.method !== 'api_key') return withServer(caller, id, own)
  return withServer(caller, id, own && acting?.id === id ? acting : null)
}

/** Adds what the permissions at the server allow in every organization. */
export function withServer(
  server: { permissions: readonly string[] },
  id: string,
  own: CallOrganization | null,
): CallOrganization | null {
  if (can(server, 'organizations:write')) return { id, role: own?.role ?? null, permissions: ['*'] }
  if (!can(server, 'organizations:read')) return own
  const permissions = [...new Set([...(own?.permissions ?? []), ...READS])].sort()
  return { id, role: own?.role ?? null, permissions }
}

/**
 * What a user may do in the organization now, with their permissions at the server; null for a stranger and for an account that
 * cannot sign in. As the system.
 */
export async function findMembership(
  { roles }: Pick<Tools, 'roles'>,
  tx: Tx,
  organizationId: string,
  userId: string,
  now: Date,
): Promise<(CallOrganization & { atServer: readonly string[] }) | null> {
  const row = await selectMembership(tx, organizationId, userId)
  if (row?.status !== 'active' || isLocked(row, now)) return null
  const atServer = roles.permissionsOf(row.roles)
  const membership = withServer({ permissions: atServer }, organizationId, organizationOf(roles, row))
  return membership && { ...membership, atServer }
}

/** The organization that the call is about, read as the caller, with what the caller is in it. */
export async function findOrganization(
  tools: Pick<Tools, 'db'>,
  call: Call,
): Promise<{ organization: OrganizationRow; role: string | null; permissions: readonly string[] } | null> {
  if (!call.organization) return null
  const { id, role, permissions } = call.organization
  const organization = await tools.db.tx(callerScope(call), (tx) => selectOrganization(tx, id))
  return organization ? { organization, role, permissions } : null
}

/** An organization whose row is locked for this transaction, and who acts in it. */
export interface LockedOrganization {
  actor: Principal
  organization: OrganizationRow
  /** The actor's, read under the lock. */
  membership: CallOrganization
}

/** Runs `work` as the caller, with the organization that the path names locked. */
export async function inside<T>(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  needed: string,
  work: (tx: Tx, locked: LockedOrganization) => Promise<T>,
  which: { deletedToo?: boolean } = {},
): Promise<T> {
  const { principal, organization } = call
  if (!principal || !organization) throw notFound('organization')
  return await tools.db.tx(callerScope(call), async (tx) => {
    const locked = await tx.asSystem((system) =>
      lockAsMember(tools, system, principal, organization.id, { ...which, acting: organization }),
    )
    if (!can(locked.membership, needed))
      throw problem('INSUFFICIENT_PERMISSIONS', {
        details: { required: needed, organization_id: organization.id },
      })
    return await work(tx, locked)
  })
}

/** As the system. @throws Problem NOT_FOUND if the organization is gone or the actor does not belong to it any more */
export async function lockAsMember(
  { roles }: Pick<Tools, 'roles'>,
  tx: Tx,
  actor: Principal,
  id: string,
  { deletedToo = false, acting = null }: { deletedToo?: boolean; acting?: CallOrganization | null } = {},
): Promise<LockedOrganization> {
  const organization = await lockOrganization(tx, id)
  const row = organization && (await selectMembership(tx, id, actor.userId))
  const membership = row ? callerIn(roles, actor, acting, id, row) : null
  if (!organization || !membership) throw notFound('organization')
  if (organization.deleted_at !== null && !(deletedToo && can(membership, 'organization:delete')))
    throw notFound('organization')
  return { actor, organization, membership }
}

/** @throws Problem INSUFFICIENT_PERMISSIONS naming the first permission that the caller lacks */
export function assertCovers(membership: CallOrganization, wanted: readonly string[]): void {
  assertNotBeyond(membership.permissions, wanted, { message: 'This goes beyond your own permissions.' })
}

/**
 * Gives the locked organization an owner if it has none. As the system.
 * @throws Problem CONFLICT if no owner is named, NOT_FOUND if that user does not exist, INSUFFICIENT_PERMISSIONS
 */
export async function ensureOwner(
  tx: Tx,
  { organization: { id }, membership }: LockedOrganization,
  ownerId: string | undefined,
  now: Date,
): Promise<void> {
  const { owners } = await countOtherMembers(tx, id, '')
  if (owners > 0) return
  if (ownerId === undefined)
    throw problem('CONFLICT', {
      message: 'This organization has no owner any more. Name its owner in `owner_id`.',
    })
  assertCovers(membership, ['*'])
  if (!(await lockActiveUser(tx, ownerId))) throw notFound('user')
  await upsertOwner(tx, id, ownerId, now)
}
