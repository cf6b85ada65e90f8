/**
 * The rules of leaving: one organization, for which no permission is required, and all of them before an account is
 * deleted.
 * Invariants: an organization that has members keeps an active owner; tokens of a former member are revoked, also those of its apps.
 */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { endClientAccess } from '../../../core/client-access.ts'
import { endAfterDeparture } from '../../../core/member-departed.ts'
import { revokeMember, revokeTokenFamilies } from '../../../core/revocations/index.ts'
import { lockSubjects } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  countOtherMembers,
  lockAsMember,
  lockOrganization,
  type OrganizationRow,
  recordOrganizationEvent,
} from '../membership/index.ts'
import { deleteEmptyOrganization } from '../organization/index.ts'
import {
  deleteInvitationsTo,
  deleteMember,
  lockUserExclusively,
  selectMember,
  selectOrganizationIds,
  selectOwned,
} from './sql.ts'

const lastOwner = () =>
  problem('CONFLICT', {
    message:
      'An organization always has an owner. Make another member an owner first, or delete the organization.',
    details: { reason: 'last_owner' },
  })

/** @throws Problem CONFLICT for the last owner */
export async function assertOtherOwner(tx: Tx, organizationId: string, userId: string): Promise<void> {
  const { owners } = await tx.asSystem((system) => countOtherMembers(system, organizationId, userId))
  if (owners === 0) throw lastOwner()
}

/** Why a member cannot leave: the only owner has to hand the organization over, the only member to delete it. System scope. */
export async function findLeaveObstacle(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<'only_owner' | 'only_member' | null> {
  if ((await selectMember(tx, organizationId, userId))?.role !== 'owner') return null
  const { owners, members } = await countOtherMembers(tx, organizationId, userId)
  if (owners > 0) return null
  return members > 0 ? 'only_owner' : 'only_member'
}

/** Revokes the access tokens that carry a member's former role. The clock is read last, after every wait for a lock. */
export const revokeTokensOf = (
  tools: Pick<Tools, 'clock'>,
  tx: Tx,
  id: string,
  userId: string,
): Promise<void> => tx.asSystem((system) => revokeMember(system, id, userId, tools.clock))

/**
 * Ends what a former member has at the organization, and at its apps, whose tokens need not name it. After the membership was
 * deleted: the clock is read last.
 */
export async function endAccessOf(
  tools: Pick<Tools, 'clock'>,
  tx: Tx,
  id: string,
  userId: string,
): Promise<void> {
  await tx.asSystem(async (system) => {
    // before families, as everything that ends the access of an account
    await lockSubjects(system, userId)
    const families = await endClientAccess(system, { userId, organizationId: id }, tools.clock.now())
    await revokeTokenFamilies(system, families, tools.clock.now())
  })
  await revokeTokensOf(tools, tx, id, userId)
}

/** Requires no permission. @throws Problem NOT_FOUND, CONFLICT for the last owner */
export async function leaveOrganization(
  tools: Pick<Tools, 'clock' | 'db' | 'jobs' | 'roles'>,
  call: Call,
  id: string,
): Promise<void> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  const scope = { ...callerScope(call), organizationId: id, organizationPermissions: [] }
  await tools.db.tx(scope, async (tx) => {
    await tx.asSystem((system) => lockAsMember(tools, system, principal, id))
    const member = await selectMember(tx, id, principal.userId)
    if (!member) throw notFound('organization')
    if (member.role === 'owner') await assertOtherOwner(tx, id, principal.userId)
    if (!(await deleteMember(tx, id, principal.userId))) throw notFound('organization')
    await endAccessOf(tools, tx, id, principal.userId)
    const departed = { organizationId: id, userId: principal.userId }
    await tx.asSystem((system) => endAfterDeparture(tools.jobs, system, departed, call.now))
    await recordOrganizationEvent(tx, call, 'organization.member.left', id, { role: member.role })
  })
}

/**
 * Locks every organization of a user, so that no membership in them changes until the end of the transaction. As the
 * system, and before the user's row is locked: the lock order is organizations, roles, users.
 */
export async function lockOrganizationsOf(tx: Tx, userId: string): Promise<Map<string, OrganizationRow>> {
  const locked = new Map<string, OrganizationRow>()
  for (const id of await selectOrganizationIds(tx, userId)) {
    const organization = await lockOrganization(tx, id)
    if (organization) locked.set(id, organization)
  }
  return locked
}

export interface NamedOrganization {
  id: string
  name: string
}

/**
 * What the deletion of an account means for the organizations of the user: those with other members and no other owner
 * prevent it, those without other members are deleted with it. System scope.
 */
export async function previewDeparture(
  tx: Tx,
  userId: string,
): Promise<{ ownerless: NamedOrganization[]; emptied: NamedOrganization[] }> {
  const owned = await selectOwned(tx, userId)
  const named = (rows: typeof owned) => rows.map(({ id, name }) => ({ id, name }))
  return {
    ownerless: named(owned.filter(({ owners, members }) => members > 0 && owners === 0)),
    emptied: named(owned.filter(({ members }) => members === 0)),
  }
}

/**
 * Before an account is deleted, in the same transaction, as the system. Locks every organization of the user, and
 * deletes, with the grace period, those without other members.
 * @throws Problem CONFLICT naming the organizations that would be left without an owner
 */
export async function leaveAllOrganizations(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  userId: string,
): Promise<void> {
  const locked = await lockOrganizationsOf(tx, userId)
  await lockUserExclusively(tx, userId)
  const now = await selectOrganizationIds(tx, userId)
  if (now.some((id) => !locked.has(id)))
    throw problem('CONFLICT', { message: 'The account has just joined another organization. Try again.' })
  const { ownerless, emptied } = await previewDeparture(tx, userId)
  for (const { id } of emptied) await deleteEmptyOrganization(tools, tx, call, id)
  if (ownerless.length > 0)
    throw problem('CONFLICT', {
      message:
        'An organization with other members would be left without an owner. Transfer or delete it first.',
      details: { reason: 'last_owner', organizations: ownerless },
    })
  await deleteInvitationsTo(tx, userId)
}
