/**
 * The rules of members: listing, adding, changing roles, removing, leaving, handing over. Invariants, each judged while
 * the organization is held: it always has an owner; nobody gives a role, or acts on a member, beyond their own
 * permissions; whoever lost something has no token that still says it, a second later at every guard.
 */
import type { Call } from '../../../base/call.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { revokeMember } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { deleteDeserted, record } from '../organization/organizations.ts'
import {
  countOthers,
  deleteMember,
  holdUser,
  holdUserAlone,
  insertMember,
  lockOrganization,
  type MemberRow,
  selectMember,
  selectMembers,
  selectMemberView,
  selectOrganizationIds,
  updateRole,
} from '../organization/sql.ts'
import {
  assertCovers,
  assertMayActOn,
  assertMayGive,
  type Held,
  hold,
  inside,
} from '../organization/standing.ts'

export type Member = MemberRow

type MemberTools = Pick<Tools, 'clock' | 'db' | 'roles'>

const lastOwner = () =>
  problem('CONFLICT', {
    message: 'An organization always has an owner. Make somebody else an owner first.',
    details: { reason: 'last_owner' },
  })

/** Of the organization that the path names, read as the caller. */
export async function listMembers(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor, search }: { limit: number; cursor?: string | undefined; search?: string | undefined },
): Promise<{ page: readonly Member[]; nextCursor: string | null }> {
  const id = call.organization?.id ?? ''
  const prefix = search === undefined ? null : canonical(search)
  const list = `members of ${id} ${prefix ?? ''}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(callerScope(call), (tx) =>
    selectMembers(tx, id, { prefix, after, limit: limit + 1 }),
  )
  return pageOf(tools.keyring, list, rows, limit, (row) => [row.user_id])
}

/** One of them, read as the caller. @throws Problem NOT_FOUND */
export const showMember = (tools: Pick<Tools, 'db'>, call: Call, userId: string): Promise<Member> =>
  tools.db.tx(callerScope(call), (tx) => viewOf(tx, call.organization?.id ?? '', userId))

/** Without an invitation, for whoever administers the server. @throws Problem NOT_FOUND, CONFLICT */
export async function addMember(
  tools: MemberTools,
  call: Call,
  { userId, role }: { userId: string; role: string },
): Promise<Member> {
  return await inside(tools, call, 'members:update', async (tx, held) => {
    await assertMayGive(tools, tx, held, role)
    const { id } = held.organization
    const member = await tx.asSystem(async (system) => {
      if (!(await holdUser(system, userId))) throw problem('NOT_FOUND')
      const row = { organization_id: id, user_id: userId, role, joined_at: call.now }
      if (!(await insertMember(system, row)))
        throw problem('CONFLICT', { message: 'They belong to this organization already.' })
      return await viewOf(system, id, userId)
    })
    await record(tx, call, 'organization.member.added', id, { user_id: userId, role })
    return member
  })
}

async function viewOf(tx: Tx, organizationId: string, userId: string): Promise<Member> {
  const member = await selectMemberView(tx, organizationId, userId)
  if (!member) throw problem('NOT_FOUND')
  return member
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, VALIDATION_ERROR, CONFLICT for the last owner */
export async function changeRole(
  tools: MemberTools,
  call: Call,
  { userId, role }: { userId: string; role: string },
): Promise<Member> {
  return await inside(tools, call, 'members:update', async (tx, held) => {
    const { id } = held.organization
    const before = await selectMember(tx, id, userId)
    if (!before) throw problem('NOT_FOUND')
    await assertMayActOn(tools, tx, held, before.role)
    await assertMayGive(tools, tx, held, role)
    if (before.role === role) return await tx.asSystem((system) => viewOf(system, id, userId))
    if (role === 'owner') await assertActive(tx, userId)
    if (before.role === 'owner') await assertOtherOwner(tx, id, userId)
    if (!(await updateRole(tx, id, userId, before.role, role))) throw problem('NOT_FOUND')
    await refuseTokens(tools, tx, id, userId)
    const details = { user_id: userId, role, before: before.role }
    await record(tx, call, 'organization.member.role_changed', id, details)
    return await tx.asSystem((system) => viewOf(system, id, userId))
  })
}

/** Tokens say what somebody is in the organization they act in; those from before go. The clock is read after all that was waited for. */
const refuseTokens = (tools: Pick<Tools, 'clock'>, tx: Tx, id: string, userId: string): Promise<void> =>
  tx.asSystem((system) => revokeMember(system, id, userId, tools.clock.now()))

/** An owner who cannot sign in is none. @throws Problem CONFLICT */
async function assertActive(tx: Tx, userId: string): Promise<void> {
  if (!(await tx.asSystem((system) => holdUser(system, userId))))
    throw problem('CONFLICT', { message: 'Their account is not active.', details: { reason: 'not_active' } })
}

async function assertOtherOwner(tx: Tx, organizationId: string, userId: string): Promise<void> {
  const { owners } = await tx.asSystem((system) => countOthers(system, organizationId, userId))
  if (owners === 0) throw lastOwner()
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT for the last owner */
export async function removeMember(tools: MemberTools, call: Call, userId: string): Promise<void> {
  if (userId === call.principal?.userId) return await leave(tools, call)
  await inside(tools, call, 'members:remove', async (tx, held) => {
    const { id } = held.organization
    const member = await selectMember(tx, id, userId)
    if (!member) throw problem('NOT_FOUND')
    await assertMayActOn(tools, tx, held, member.role)
    if (member.role === 'owner') await assertOtherOwner(tx, id, userId)
    if (!(await deleteMember(tx, id, userId))) throw problem('NOT_FOUND')
    await refuseTokens(tools, tx, id, userId)
    await record(tx, call, 'organization.member.removed', id, { user_id: userId, role: member.role })
  })
}

/** One's own membership, whatever it permits. @throws Problem NOT_FOUND, CONFLICT for the last owner */
export async function leave(tools: MemberTools, call: Call, organizationId?: string): Promise<void> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  const id = organizationId ?? call.organization?.id ?? ''
  const scope = { ...callerScope(call), organizationId: id, organizationPermissions: [] }
  await tools.db.tx(scope, async (tx) => {
    await tx.asSystem((system) => hold(tools, system, principal, id))
    const member = await selectMember(tx, id, principal.userId)
    if (!member) throw problem('NOT_FOUND')
    if (member.role === 'owner') await assertOtherOwner(tx, id, principal.userId)
    if (!(await deleteMember(tx, id, principal.userId))) throw problem('NOT_FOUND')
    await refuseTokens(tools, tx, id, principal.userId)
    await record(tx, call, 'organization.member.left', id, { role: member.role })
  })
}

/** Another member becomes an owner; the owner who hands it over becomes an admin. @throws Problem NOT_FOUND, CONFLICT */
export async function transferOwnership(tools: MemberTools, call: Call, userId: string): Promise<void> {
  await inside(tools, call, 'organization:transfer', async (tx, held) => {
    const { actor, organization, standing } = held
    assertCovers(standing, ['*'])
    const heir = await selectMember(tx, organization.id, userId)
    if (!heir) throw problem('NOT_FOUND')
    if (heir.role === 'owner') throw problem('CONFLICT', { message: 'They own this organization already.' })
    await assertActive(tx, userId)
    await updateRole(tx, organization.id, userId, heir.role, 'owner')
    await refuseTokens(tools, tx, organization.id, userId)
    const isOwner = standing.role === 'owner'
    if (isOwner) {
      await updateRole(tx, organization.id, actor.userId, 'owner', 'admin')
      await refuseTokens(tools, tx, organization.id, actor.userId)
    }
    const details = { user_id: userId, before: heir.role, from: isOwner ? actor.userId : null }
    await record(tx, call, 'organization.transferred', organization.id, details)
  })
}

/**
 * Until the end of the transaction nobody else changes who is what in any organization of theirs. As the system, and
 * before the user is held by anything else: that is the order everybody keeps.
 */
export async function holdOrganizationsOf(
  tx: Tx,
  userId: string,
): Promise<Map<string, Held['organization']>> {
  const held = new Map<string, Held['organization']>()
  for (const id of await selectOrganizationIds(tx, userId)) {
    const organization = await lockOrganization(tx, id)
    if (organization) held.set(id, organization)
  }
  return held
}

/**
 * Before an account is deleted, in the same transaction, as the system: every organization of theirs is held until
 * then. One that nobody else belongs to is deleted with its grace period.
 * @throws Problem CONFLICT naming the organizations that would be left without an owner
 */
export async function leaveAll(
  tools: Pick<Tools, 'clock' | 'config'>,
  tx: Tx,
  call: Call,
  userId: string,
): Promise<void> {
  const held = await holdOrganizationsOf(tx, userId)
  await holdUserAlone(tx, userId)
  const now = await selectOrganizationIds(tx, userId)
  if (now.some((id) => !held.has(id)))
    throw problem('CONFLICT', { message: 'The account has just joined another organization. Try again.' })
  const needing: { id: string; name: string }[] = []
  for (const [id, { name, deleted_at }] of held) {
    const member = await selectMember(tx, id, userId)
    if (deleted_at !== null || member?.role !== 'owner') continue
    const { owners, members } = await countOthers(tx, id, userId)
    if (members === 0) await deleteDeserted(tools, tx, call, id)
    else if (owners === 0) needing.push({ id, name })
  }
  if (needing.length > 0)
    throw problem('CONFLICT', {
      message:
        'An organization that others belong to would be left without an owner. Hand it over or delete it first.',
      details: { reason: 'last_owner', organizations: needing },
    })
}
