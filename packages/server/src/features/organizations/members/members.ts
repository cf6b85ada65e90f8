/**
 * The rules of members: listing, adding, changing roles, removing, transferring ownership. Invariants, each checked
 * while the organization is locked: it always has an active owner; a caller neither grants a role nor acts on a
 * member beyond the caller's own permissions; a member who loses permissions loses their access tokens, at every
 * guard within a second.
 */
import { can } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import { decodeCursor, encodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { endAfterDeparture } from '../../../core/member-departed.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  addMembership,
  assertCovers,
  inside,
  lockActiveUser,
  recordOrganizationEvent,
} from '../membership/index.ts'
import { assertMayActOnRole, assertMayGrantRole } from '../roles/index.ts'
import { assertOtherOwner, endAccessOf, leaveOrganization, revokeTokensOf } from './leaving.ts'
import { searchMembers } from './search.ts'
import {
  deleteMember,
  insertRemoved,
  type MemberRow,
  selectMember,
  selectMembers,
  selectMemberView,
  updateMemberRole,
} from './sql.ts'

type MemberTools = Pick<Tools, 'clock' | 'db' | 'jobs' | 'roles'>

/** Of the organization that the path names, as far as the caller may read them. */
export async function listMembers(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor, search }: { limit: number; cursor?: string | undefined; search?: string | undefined },
): Promise<{ page: readonly MemberRow[]; nextCursor: string | null }> {
  const id = call.organization?.id ?? ''
  const prefix = canonical(search ?? '')
  if (prefix !== '') return await findMembers(tools, call, { limit, cursor, prefix })
  const list = `members of ${id}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(callerScope(call), (tx) => selectMembers(tx, id, after, limit + 1))
  return pageOf(tools.keyring, list, rows, limit, (row) => [row.user_id])
}

/** The position may be that of a user who is no member: it is encrypted in the cursor. */
async function findMembers(
  { db, keyring }: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor, prefix }: { limit: number; cursor: string | undefined; prefix: string },
): ReturnType<typeof listMembers> {
  const id = call.organization?.id ?? ''
  const list = `members of ${id} ${prefix}`
  const [sealed] = decodeCursor(keyring, list, cursor) ?? []
  const after = sealed === undefined ? null : JSON.parse(keyring.decrypt('positions', sealed))
  const { rows, next } = await db.tx(callerScope(call), (tx) =>
    searchMembers(tx, id, prefix, { after, limit }),
  )
  const position = next && [keyring.encrypt('positions', JSON.stringify(next))]
  return { page: rows, nextCursor: position && encodeCursor(keyring, list, position) }
}

/** @throws Problem NOT_FOUND */
export const getMember = (tools: Pick<Tools, 'db'>, call: Call, userId: string): Promise<MemberRow> =>
  tools.db.tx(callerScope(call), (tx) => readMember(tx, call.organization?.id ?? '', userId))

/**
 * Adds a user without an invitation.
 * @throws Problem INSUFFICIENT_PERMISSIONS unless a server administrator, NOT_FOUND, CONFLICT
 */
export async function addMember(
  tools: MemberTools,
  call: Call,
  { userId, role }: { userId: string; role: string },
): Promise<MemberRow> {
  if (!call.principal || !can(call.principal, 'organizations:write'))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: 'organizations:write' } })
  return await inside(tools, call, 'members:update', async (tx, locked) => {
    await assertMayGrantRole(tools, tx, locked, role)
    const { id } = locked.organization
    const member = await tx.asSystem(async (system) => {
      if (!(await lockActiveUser(system, userId))) throw notFound('user')
      const row = { organization_id: id, user_id: userId, role, joined_at: call.now }
      if (!(await addMembership(system, row)))
        throw problem('CONFLICT', {
          message: 'This user is a member already. Change the role of the member instead.',
        })
      return await readMember(system, id, userId)
    })
    await recordOrganizationEvent(tx, call, 'organization.member.added', id, { user_id: userId, role })
    return member
  })
}

async function readMember(tx: Tx, organizationId: string, userId: string): Promise<MemberRow> {
  const member = await selectMemberView(tx, organizationId, userId)
  if (!member) throw notFound('member')
  return member
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, VALIDATION_ERROR, CONFLICT for the last owner */
export async function changeMemberRole(
  tools: MemberTools,
  call: Call,
  { userId, role }: { userId: string; role: string },
): Promise<MemberRow> {
  return await inside(tools, call, 'members:update', async (tx, locked) => {
    const { id } = locked.organization
    const before = await selectMember(tx, id, userId)
    if (!before) throw notFound('member')
    await assertMayActOnRole(tools, tx, locked, before.role)
    await assertMayGrantRole(tools, tx, locked, role)
    if (before.role === role) return await tx.asSystem((system) => readMember(system, id, userId))
    if (role === 'owner') await assertActive(tx, userId)
    if (before.role === 'owner') await assertOtherOwner(tx, id, userId)
    if (!(await updateMemberRole(tx, id, userId, before.role, role))) throw notFound('member')
    await revokeTokensOf(tools, tx, id, userId)
    const details = { user_id: userId, role, before: before.role }
    await recordOrganizationEvent(tx, call, 'organization.member.role_changed', id, details)
    return await tx.asSystem((system) => readMember(system, id, userId))
  })
}

/** An owner must be able to sign in. @throws Problem CONFLICT */
async function assertActive(tx: Tx, userId: string): Promise<void> {
  if (!(await tx.asSystem((system) => lockActiveUser(system, userId))))
    throw problem('CONFLICT', {
      message: 'The account of this member is not active.',
      details: { reason: 'not_active' },
    })
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT for the last owner */
export async function removeMember(tools: MemberTools, call: Call, userId: string): Promise<void> {
  if (userId === call.principal?.userId)
    return await leaveOrganization(tools, call, call.organization?.id ?? '')
  await inside(tools, call, 'members:remove', async (tx, locked) => {
    const { id } = locked.organization
    const member = await selectMember(tx, id, userId)
    if (!member) throw notFound('member')
    await assertMayActOnRole(tools, tx, locked, member.role)
    if (member.role === 'owner') await assertOtherOwner(tx, id, userId)
    if (!(await deleteMember(tx, id, userId))) throw notFound('member')
    await tx.asSystem(async (system) => {
      await insertRemoved(system, id, userId, call.now)
      await endAfterDeparture(tools.jobs, system, { organizationId: id, userId }, call.now)
    })
    await endAccessOf(tools, tx, id, userId)
    await recordOrganizationEvent(tx, call, 'organization.member.removed', id, {
      user_id: userId,
      role: member.role,
    })
  })
}

/** Another member becomes an owner; the owner who transfers becomes an admin. @throws Problem NOT_FOUND, CONFLICT */
export async function transferOwnership(tools: MemberTools, call: Call, userId: string): Promise<void> {
  await inside(tools, call, 'organization:transfer', async (tx, locked) => {
    const { actor, organization, membership } = locked
    assertCovers(membership, ['*'])
    const successor = await selectMember(tx, organization.id, userId)
    if (!successor) throw notFound('member')
    if (successor.role === 'owner')
      throw problem('CONFLICT', { message: 'This member is an owner already. Choose another member.' })
    await assertActive(tx, userId)
    await updateMemberRole(tx, organization.id, userId, successor.role, 'owner')
    await revokeTokensOf(tools, tx, organization.id, userId)
    const isOwner = membership.role === 'owner'
    if (isOwner) {
      await updateMemberRole(tx, organization.id, actor.userId, 'owner', 'admin')
      await revokeTokensOf(tools, tx, organization.id, actor.userId)
    }
    const details = { user_id: userId, before: successor.role, from: isOwner ? actor.userId : null }
    await recordOrganizationEvent(tx, call, 'organization.transferred', organization.id, details)
  })
}
