/**
 * The rules of accepting an invitation. It is bound to the address it went to: whoever accepts has proven that one, in
 * whatever spelling. Invariants: of many who accept at once one does, in one statement, and becomes a member once;
 * what the inviter could not give any more is void; a refused acceptance leaves the invitation as it was.
 */
import { covers } from '@latchkey/guard'
import type { Call, Principal } from '../../../base/call.ts'
import { sha256 } from '../../../base/crypto.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { isLocked } from '../../../core/locks.ts'
import type { Tools } from '../../../core/tools.ts'
import { settleSession } from '../../identity/sessions/index.ts'
import {
  holdUser,
  insertMember,
  lockOrganization,
  type OrganizationRow,
  permissionsOfRole,
  record,
  selectStanding,
  standingOf,
} from '../organization/index.ts'
import {
  type InvitationRow,
  selectAddress,
  selectInvitation,
  selectMine,
  selectNames,
  updateAccepted,
  updateRevoked,
} from './sql.ts'

/** What whoever was invited has to do next; it says nothing of whether the address has an account. */
export type NextStep = 'accept' | 'verify_email' | 'sign_in' | 'other_account'

export interface Preview {
  invitation: InvitationRow
  organization: string
  inviter: string | null
  next: NextStep
}

const gone = (): Problem =>
  problem('NOT_FOUND', { message: 'This invitation is not valid any more. Ask for a new one.' })

interface Named {
  id: string
  /** Null where somebody asks whose address it is. */
  hash: Buffer | null
}

function named(token: string): Named & { hash: Buffer } {
  const [id = '', secret = '', more] = token.split('.')
  if (!isId('inv', id) || secret.length !== 43 || more !== undefined) throw gone()
  return { id, hash: sha256(secret) }
}

/**
 * A wrong secret looks like no invitation at all, and so does whatever is over to whoever has none.
 * @throws Problem NOT_FOUND, TOKEN_EXPIRED
 */
async function find(tx: Tx, { id, hash }: Named, now: Date): Promise<InvitationRow> {
  const row = await selectInvitation(tx, id)
  const isOpen = row && row.accepted_at === null && row.revoked_at === null
  if (!isOpen || (hash && !row.secret_hash.equals(hash))) throw hash ? gone() : problem('NOT_FOUND')
  if (row.expires_at > now) return row
  if (hash === null) throw problem('NOT_FOUND')
  throw problem('TOKEN_EXPIRED', { message: 'This invitation has expired. Ask for a new one.' })
}

/** For whoever holds the letter's secret. @throws Problem NOT_FOUND, TOKEN_EXPIRED */
export async function previewInvitation(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  { id, token }: { id: string; token: string },
): Promise<Preview> {
  const link = named(token)
  if (link.id !== id) throw gone()
  return await tools.db.tx('system', async (tx) => {
    const invitation = await find(tx, link, call.now)
    const [names] = await selectNames(tx, [id])
    if (!names || !(await isGranted(tools, tx, invitation, call.now))) throw gone()
    const next = await nextStep(tx, call, invitation)
    return { invitation, organization: names.organization_name, inviter: names.inviter_name, next }
  })
}

async function nextStep(
  tx: Tx,
  { principal, session }: Call,
  { address_key }: InvitationRow,
): Promise<NextStep> {
  if (!principal || !session) return 'sign_in'
  const address = await selectAddress(tx, principal.userId, address_key)
  if (address === 'verified') return 'accept'
  return address === 'unverified' ? 'verify_email' : 'other_account'
}

/** Whether its sender could still give what it grants: an active member, or administrator, whose permissions cover it. */
async function isGranted(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  row: InvitationRow,
  now: Date,
): Promise<boolean> {
  if (row.invited_by === null) return false
  const sender = await selectStanding(tx, row.organization_id, row.invited_by)
  if (sender?.status !== 'active' || isLocked(sender, now)) return false
  const server = { permissions: tools.roles.permissionsOf(sender.roles) }
  const standing = standingOf(tools.roles, server, row.organization_id, sender)
  const wanted = await permissionsOfRole(tools, tx, row.organization_id, row.role)
  return standing !== null && wanted !== null && covers(standing.permissions, wanted)
}

export interface Accepted {
  organization: OrganizationRow
  role: string
  permissions: readonly string[]
}

type AcceptTools = Pick<Tools, 'db' | 'roles'>

/** By the letter's secret. @throws Problem NOT_FOUND, TOKEN_EXPIRED, INSUFFICIENT_PERMISSIONS, EMAIL_NOT_VERIFIED, CONFLICT */
export const acceptInvitation = (tools: AcceptTools, call: Call, token: string): Promise<Accepted> =>
  accept(tools, call, named(token))

/** By its id, from the list of one's own: the address is proof enough. */
export const acceptOwnInvitation = (tools: AcceptTools, call: Call, id: string): Promise<Accepted> =>
  accept(tools, call, { id, hash: null })

async function accept(tools: AcceptTools, call: Call, which: Named): Promise<Accepted> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx('system', async (tx) => {
    const { organization, invitation } = await heldInvitation(tx, call, principal, which)
    const { id, role } = invitation
    if (!(await isGranted(tools, tx, invitation, call.now))) throw gone()
    if (!(await holdUser(tx, principal.userId))) throw problem('AUTHENTICATION_REQUIRED')
    if (!(await updateAccepted(tx, id, principal.userId, which.hash, call.now))) throw gone()
    const member = { organization_id: organization.id, user_id: principal.userId, role, joined_at: call.now }
    if (!(await insertMember(tx, member)))
      throw problem('CONFLICT', { message: 'You belong to this organization already.' })
    // whoever acts elsewhere goes on there
    if (call.organization === null) await settleSession(tx, session.id, organization.id)
    const details = { invitation_id: id, role, invited_by: invitation.invited_by }
    await record(tx, call, 'organization.invitation.accepted', organization.id, details)
    return {
      organization,
      role,
      permissions: (await permissionsOfRole(tools, tx, organization.id, role)) ?? [],
    }
  })
}

/** The invitation, with its organization held; and it is this person's to answer. */
async function heldInvitation(
  tx: Tx,
  call: Call,
  principal: Principal,
  which: Named,
): Promise<{ organization: OrganizationRow; invitation: InvitationRow }> {
  const { organization_id } = await find(tx, which, call.now)
  const organization = await lockOrganization(tx, organization_id)
  if (!organization || organization.deleted_at !== null) throw gone()
  const invitation = await find(tx, which, call.now)
  await assertAddressed(tx, principal, invitation, which)
  return { organization, invitation }
}

async function assertAddressed(
  tx: Tx,
  principal: Principal,
  row: InvitationRow,
  { hash }: Named,
): Promise<void> {
  const address = await selectAddress(tx, principal.userId, row.address_key)
  if (address === 'verified') return
  // without the secret it is somebody else's, and does not exist
  if (hash === null) throw problem('NOT_FOUND')
  if (address === 'unverified') throw problem('EMAIL_NOT_VERIFIED')
  throw problem('INSUFFICIENT_PERMISSIONS', {
    message: 'This invitation is for another e-mail address. Sign in with the account of that one.',
    details: { reason: 'other_address' },
  })
}

/** By whoever holds the letter's secret, signed in or not. @throws Problem NOT_FOUND, TOKEN_EXPIRED */
export async function declineInvitation(tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<void> {
  const which = named(token)
  await tools.db.tx('system', async (tx) => {
    await find(tx, which, call.now)
    await decline(tx, call, which)
  })
}

/** From the list of one's own. @throws Problem NOT_FOUND */
export async function declineOwnInvitation(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<void> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  await tools.db.tx('system', async (tx) => {
    const which = { id, hash: null }
    await assertAddressed(tx, principal, await find(tx, which, call.now), which)
    await decline(tx, call, which)
  })
}

async function decline(tx: Tx, call: Call, { id, hash }: Named): Promise<void> {
  const row = await updateRevoked(tx, id, call.now, hash)
  if (!row) throw gone()
  const details = { invitation_id: id, role: row.role }
  // whoever declines does not belong to it, and it learns nothing of them
  const stranger = { ...call, principal: null, session: null, ip: null, userAgent: null }
  await record(tx, stranger, 'organization.invitation.declined', row.organization_id, details)
}

export interface MyInvitation {
  invitation: InvitationRow
  organization: string
  inviter: string | null
}

/** Open ones to addresses that the caller has proven, the newest first. */
export async function listMine(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly MyInvitation[]; nextCursor: string | null }> {
  const scope = callerScope(call)
  const list = `invitations to ${scope.userId}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const { rows, names } = await tools.db.tx(scope, async (tx) => {
    const rows = await selectMine(tx, scope.userId, call.now, after, limit + 1)
    // an organization's name is not yet the invited's to read
    const names = await tx.asSystem((system) =>
      selectNames(
        system,
        rows.map(({ id }) => id),
      ),
    )
    return { rows, names: new Map(names.map((one) => [one.id, one])) }
  })
  const { page, nextCursor } = pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
  const mine = page.flatMap((invitation) => {
    const found = names.get(invitation.id)
    return found ? [{ invitation, organization: found.organization_name, inviter: found.inviter_name }] : []
  })
  return { page: mine, nextCursor }
}
