/**
 * The rules of inviting: an e-mail with a single-use link, to an address. Invariants: an address has at most one open
 * invitation per organization; a caller sends, resends and revokes only invitations to roles within the caller's own
 * permissions; the answer does not depend on whether the address has an account. Leaves accepting to acceptance.ts.
 */
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import type { Tools } from '../../../core/tools.ts'
import { ownersLocale } from '../../identity/emails/index.ts'
import { inside, type LockedOrganization, recordOrganizationEvent } from '../membership/index.ts'
import { assertMayActOnRole, assertMayGrantRole } from '../roles/index.ts'
import { invitationEmail } from './mail.tsx'
import {
  countInvitationEmails,
  deleteExpiredInvitations,
  type InvitationRow,
  insertInvitation,
  isAddressOfMember,
  selectInvitations,
  selectOpenInvitation,
  updateInvitationRevoked,
  updateSent,
} from './sql.ts'
import { type ShownInvitation, withState } from './state.ts'

/** E-mails of one organization to one address in an hour. */
const MAX_TO_ADDRESS = 5
/** E-mails of all organizations to one address in an hour. */
const MAX_TO_ADDRESS_FROM_ALL = 10
/** E-mails of one organization in a day. */
const MAX_OF_ORGANIZATION = 200
const HOUR = 3_600_000
const DAY = 24 * HOUR
/** How long an expired invitation is kept. */
const KEEP_EXPIRED = 30 * DAY

type InvitingTools = Pick<Tools, 'config' | 'db' | 'mail' | 'roles'>

/** The open invitations of the organization that the path names, the newest first, expired and void ones included. */
export async function listInvitations(
  tools: Pick<Tools, 'db' | 'keyring' | 'roles'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly ShownInvitation[]; nextCursor: string | null }> {
  const id = call.organization?.id ?? ''
  const list = `invitations of ${id}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(callerScope(call), async (tx) => {
    const found = await selectInvitations(tx, id, after, limit + 1)
    return await tx.asSystem((system) => withState(tools, system, found, call.now))
  })
  return pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
}

/** The token of the e-mail's link: the id and a secret, of which only the hash is stored. */
function newSecret(id: string): { token: string; secret_hash: Buffer } {
  const secret = randomSecret()
  return { token: `${id}.${secret}`, secret_hash: sha256(secret) }
}

/**
 * Invites an address. If it has an open invitation, that one is sent again with the new role.
 * @throws Problem CONFLICT for a member, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, RATE_LIMIT_EXCEEDED
 */
export async function sendInvitation(
  tools: InvitingTools,
  call: Call,
  input: { email: string; role: string },
): Promise<ShownInvitation> {
  return await inside(tools, call, 'invitations:write', async (tx, locked) => {
    const { id } = locked.organization
    const addressKey = canonical(input.email)
    await assertMayGrantRole(tools, tx, locked, input.role)
    if (await tx.asSystem((system) => isAddressOfMember(system, id, addressKey)))
      throw problem('CONFLICT', {
        message: 'A member of the organization has this address already.',
      })
    const open = await selectOpenInvitation(tx, id, { addressKey })
    if (open)
      return await send(
        tools,
        tx,
        call,
        locked,
        { ...open, address: input.email, role: input.role },
        open.role,
      )
    await assertMaySend(tx, id, addressKey, call.now)
    const invitationId = newId('inv')
    const { token, secret_hash } = newSecret(invitationId)
    const row: InvitationRow = {
      id: invitationId,
      organization_id: id,
      address: input.email,
      address_key: addressKey,
      role: input.role,
      secret_hash,
      invited_by: locked.actor.userId,
      created_at: call.now,
      sent_at: call.now,
      sent_count: 1,
      expires_at: later(call.now, tools.config.invitationLifetime),
      accepted_at: null,
      accepted_by: null,
      revoked_at: null,
    }
    await insertInvitation(tx, row)
    await writeEmail(tools, tx, call, locked, row, token)
    const details = { invitation_id: row.id, email: row.address, role: row.role }
    await recordOrganizationEvent(tx, call, 'organization.invitation.sent', id, details)
    return { ...row, inviter_name: locked.actor.name, state: 'open' }
  })
}

/**
 * Sends a new link, after which earlier links are invalid; the caller becomes the inviter.
 * @throws Problem as sendInvitation, NOT_FOUND
 */
export async function resendInvitation(
  tools: InvitingTools,
  call: Call,
  id: string,
): Promise<ShownInvitation> {
  return await inside(tools, call, 'invitations:write', async (tx, locked) => {
    const open = await selectOpenInvitation(tx, locked.organization.id, { id })
    if (!open) throw notFound('invitation')
    await assertMayGrantRole(tools, tx, locked, open.role)
    return await send(tools, tx, call, locked, open, open.role)
  })
}

/** @param before the role of the invitation so far */
async function send(
  tools: InvitingTools,
  tx: Tx,
  call: Call,
  locked: LockedOrganization,
  wanted: InvitationRow,
  before: string,
): Promise<ShownInvitation> {
  await assertMayActOnRole(tools, tx, locked, before)
  await assertMaySend(tx, locked.organization.id, wanted.address_key, call.now)
  const { token, secret_hash } = newSecret(wanted.id)
  const email = {
    address: wanted.address,
    role: wanted.role,
    secret_hash,
    invited_by: locked.actor.userId,
    sent_at: call.now,
    expires_at: later(call.now, tools.config.invitationLifetime),
  }
  const row = await updateSent(tx, wanted.id, email, later(call.now, -DAY))
  if (!row) throw notFound('invitation')
  await writeEmail(tools, tx, call, locked, row, token)
  const details = { invitation_id: row.id, email: row.address, role: row.role, before }
  await recordOrganizationEvent(tx, call, 'organization.invitation.resent', locked.organization.id, details)
  return { ...row, inviter_name: locked.actor.name, state: 'open' }
}

/** The organization is locked, so that concurrent requests are counted. */
async function assertMaySend(tx: Tx, id: string, addressKey: string, now: Date): Promise<void> {
  const [toAddress, ofOrganization, fromAll] = await tx.asSystem((system) =>
    Promise.all([
      countInvitationEmails(system, id, later(now, -HOUR), addressKey),
      countInvitationEmails(system, id, later(now, -DAY), null),
      countInvitationEmails(system, null, later(now, -HOUR), addressKey),
    ]),
  )
  if (toAddress >= MAX_TO_ADDRESS || fromAll >= MAX_TO_ADDRESS_FROM_ALL) throw tooMany('this address', HOUR)
  if (ofOrganization >= MAX_OF_ORGANIZATION) throw tooMany('this organization’s invitations', DAY)
}

const tooMany = (of: string, wait: number) =>
  problem('RATE_LIMIT_EXCEEDED', {
    message: `Too many e-mails for ${of}. Try again later.`,
    retryAfter: wait / 1000,
  })

/** In the language of the invited user, or the inviter's for an address without an account. */
async function writeEmail(
  tools: InvitingTools,
  tx: Tx,
  call: Call,
  { actor, organization }: LockedOrganization,
  row: InvitationRow,
  token: string,
): Promise<void> {
  const chosen = await tx.asSystem((system) => ownersLocale(system, row.address_key))
  const email = invitationEmail(tools.config, {
    to: row.address,
    locale: chosen ?? call.locale,
    id: row.id,
    token,
    organization: organization.name,
    inviter: actor.name,
    expiresAt: row.expires_at,
  })
  await tools.mail.write(tx, email, call.now)
}

/** @throws Problem NOT_FOUND if it is not open, INSUFFICIENT_PERMISSIONS for a role beyond the caller's */
export async function revokeInvitation(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  id: string,
): Promise<void> {
  await inside(tools, call, 'invitations:write', async (tx, locked) => {
    const open = await selectOpenInvitation(tx, locked.organization.id, { id })
    if (!open) throw notFound('invitation')
    await assertMayActOnRole(tools, tx, locked, open.role)
    if (!(await updateInvitationRevoked(tx, id, call.now))) throw notFound('invitation')
    const details = { invitation_id: id, email: open.address, role: open.role }
    await recordOrganizationEvent(
      tx,
      call,
      'organization.invitation.revoked',
      locked.organization.id,
      details,
    )
  })
}

/** Deletes invitations that expired long ago. */
export const purgeInvitations = (tools: Pick<Tools, 'db'>, now: Date): Promise<void> =>
  tools.db.tx('system', (tx) => deleteExpiredInvitations(tx, later(now, -KEEP_EXPIRED)))
