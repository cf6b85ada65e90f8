/**
 * What somebody is in an organization. Members are what their role says; whoever administers organizations of the
 * server may read, or do, what there is; one that was deleted is there for those only who may restore it.
 *
 * Whoever changes who is what there holds the organization meanwhile, and is judged again once they do: of two owners
 * who demote each other the second is an owner no more. Nobody gives a role, or acts on somebody, beyond their own
 * permissions.
 */
import { can } from '@latchkey/guard'
import type { Call, CallOrganization, Principal } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import type { MembershipLookup } from '../../../base/http/request/authenticate.ts'
import { type ActingRow, organizationOf } from '../../../core/roles/acting.ts'
import { isBuiltIn, ORGANIZATION_PERMISSIONS } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotBeyond } from '../../access/roles/index.ts'
import { lockOrganization, membershipCheck, type OrganizationRow, selectRole, selectStanding } from './sql.ts'

const READS = Object.keys(ORGANIZATION_PERMISSIONS).filter((name) => name.endsWith(':read'))

/** @param server who they are to the server @returns null for somebody who is nothing there */
export const standingOf = (
  roles: Tools['roles'],
  server: { permissions: readonly string[] },
  id: string,
  row: ActingRow,
): CallOrganization | null => withServer(server, id, organizationOf(roles, row))

/** An API key is there what it was made for, within its scopes; a person is what they are now. */
const callerIn = (
  roles: Tools['roles'],
  caller: Principal,
  acting: CallOrganization | null,
  id: string,
  row: ActingRow,
): CallOrganization | null => {
  if (caller.method !== 'api_key') return standingOf(roles, caller, id, row)
  return withServer(caller, id, acting?.id === id && organizationOf(roles, row) ? acting : null)
}

function withServer(
  server: { permissions: readonly string[] },
  id: string,
  own: CallOrganization | null,
): CallOrganization | null {
  if (can(server, 'organizations:write')) return { id, role: own?.role ?? null, permissions: ['*'] }
  if (!can(server, 'organizations:read')) return own
  const permissions = [...new Set([...(own?.permissions ?? []), ...READS])].sort()
  return { id, role: own?.role ?? null, permissions }
}

export function memberships(tools: Pick<Tools, 'db' | 'roles'>): MembershipLookup {
  const { db, roles } = tools
  const statement = membershipCheck(db.hot)
  return async (principal, organizationId, { deletedToo, acting }) => {
    const [row] = await db.run(statement, [principal.userId, organizationId, deletedToo])
    const standing = row ? callerIn(roles, principal, acting, row.id, row) : null
    if (!row || row.deleted_at === null || standing === null) return standing
    return can(standing, 'organization:delete') ? standing : null
  }
}

/** Who acts, in which organization, which nobody else changes meanwhile. */
export interface Held {
  actor: Principal
  organization: OrganizationRow
  /** As it is now. */
  standing: CallOrganization
}

/** Runs as the caller, in the organization that the path names. */
export async function inside<T>(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  needed: string,
  work: (tx: Tx, held: Held) => Promise<T>,
  which: { deletedToo?: boolean } = {},
): Promise<T> {
  const { principal, organization } = call
  if (!principal || !organization) throw problem('NOT_FOUND')
  return await tools.db.tx(callerScope(call), async (tx) => {
    const held = await tx.asSystem((system) =>
      hold(tools, system, principal, organization.id, { ...which, acting: organization }),
    )
    if (!can(held.standing, needed))
      throw problem('INSUFFICIENT_PERMISSIONS', {
        details: { required: needed, organization_id: organization.id },
      })
    return await work(tx, held)
  })
}

/** As the system. @throws Problem NOT_FOUND where it is gone, or the actor out of it */
export async function hold(
  { roles }: Pick<Tools, 'roles'>,
  tx: Tx,
  actor: Principal,
  id: string,
  { deletedToo = false, acting = null }: { deletedToo?: boolean; acting?: CallOrganization | null } = {},
): Promise<Held> {
  const organization = await lockOrganization(tx, id)
  const row = organization && (await selectStanding(tx, id, actor.userId))
  const standing = row ? callerIn(roles, actor, acting, id, row) : null
  if (!organization || !standing) throw problem('NOT_FOUND')
  if (organization.deleted_at !== null && !(deletedToo && can(standing, 'organization:delete')))
    throw problem('NOT_FOUND')
  return { actor, organization, standing }
}

/** What a role permits in the organization; null where there is none of that name. */
export async function permissionsOfRole(
  { roles }: Pick<Tools, 'roles'>,
  tx: Tx,
  organizationId: string,
  name: string,
): Promise<readonly string[] | null> {
  if (isBuiltIn(name)) return roles.organizationPermissionsOf(name, null)
  const own = await selectRole(tx, organizationId, name)
  return own ? roles.organizationPermissionsOf(name, own) : null
}

/** @throws Problem VALIDATION_ERROR for a role that does not exist, INSUFFICIENT_PERMISSIONS for one beyond the caller's */
export async function assertMayGive(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  { organization, standing }: Held,
  role: string,
): Promise<void> {
  const wanted = await tx.asSystem((system) => permissionsOfRole(tools, system, organization.id, role))
  if (wanted === null) throw invalid('role', 'unknown', 'There is no such role in this organization.')
  assertCovers(standing, wanted)
}

/** Somebody whose role is gone has no permissions, and is anybody's. @throws Problem INSUFFICIENT_PERMISSIONS */
export async function assertMayActOn(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  { organization, standing }: Held,
  role: string,
): Promise<void> {
  const theirs = await tx.asSystem((system) => permissionsOfRole(tools, system, organization.id, role))
  assertCovers(standing, theirs ?? [])
}

/** @throws Problem INSUFFICIENT_PERMISSIONS naming what is lacking */
export function assertCovers(standing: CallOrganization, wanted: readonly string[]): void {
  assertNotBeyond(standing.permissions, wanted, { message: 'This goes beyond what you may do yourself.' })
}
