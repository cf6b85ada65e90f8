/**
 * The rules of inviting: to an address, by a letter with a link of single use. Invariants: one open invitation an
 * address; nobody invites to a role beyond their own permissions, nor touches an invitation to one; whether the address
 * has an account changes nothing of the answer. Leaves accepting to acceptance.ts.
 */
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertMayActOn, assertMayGive, type Held, inside, record } from '../organization/index.ts'
import { invitationLetter } from './mail.tsx'
import {
  countLetters,
  deleteEndedBefore,
  type InvitationRow,
  insertInvitation,
  isMembersAddress,
  type ListedInvitation,
  selectInvitations,
  selectOpen,
  updateRevoked,
  updateSent,
} from './sql.ts'

export type Invitation = ListedInvitation

/** To one address, whoever of the organization asks. */
export const LETTERS_AN_HOUR = 5
/** To one address, from whichever organizations. */
export const LETTERS_TO_ADDRESS = 10
/** From one organization. */
export const LETTERS_A_DAY = 200
const HOUR = 3_600_000
const DAY = 24 * HOUR
/** How long one that has ended is remembered. */
const KEEP_ENDED = 30 * DAY

type InvitingTools = Pick<Tools, 'config' | 'db' | 'mail' | 'roles'>

/** Of the organization that the path names: those that are open, the newest first, expired ones included. */
export async function listInvitations(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly Invitation[]; nextCursor: string | null }> {
  const id = call.organization?.id ?? ''
  const list = `invitations of ${id}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(callerScope(call), (tx) => selectInvitations(tx, id, after, limit + 1))
  return pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
}

/** What a letter carries: the id, and a secret of which the hash is kept. */
function newSecret(id: string): { token: string; secret_hash: Buffer } {
  const secret = randomSecret()
  return { token: `${id}.${secret}`, secret_hash: sha256(secret) }
}

/**
 * Invites an address; one that is invited already gets a new letter, and is invited anew.
 * @throws Problem CONFLICT for a member, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS, RATE_LIMIT_EXCEEDED
 */
export async function invite(
  tools: InvitingTools,
  call: Call,
  wish: { email: string; role: string },
): Promise<Invitation> {
  return await inside(tools, call, 'invitations:write', async (tx, held) => {
    const { id } = held.organization
    const addressKey = canonical(wish.email)
    await assertMayGive(tools, tx, held, wish.role)
    if (await tx.asSystem((system) => isMembersAddress(system, id, addressKey)))
      throw problem('CONFLICT', {
        message: 'Somebody with this address belongs to the organization already.',
      })
    const open = await selectOpen(tx, id, { addressKey })
    if (open)
      return await send(tools, tx, call, held, { ...open, address: wish.email, role: wish.role }, open.role)
    await assertMaySend(tx, id, addressKey, call.now)
    const invitationId = newId('inv')
    const { token, secret_hash } = newSecret(invitationId)
    const row: InvitationRow = {
      id: invitationId,
      organization_id: id,
      address: wish.email,
      address_key: addressKey,
      role: wish.role,
      secret_hash,
      invited_by: held.actor.userId,
      created_at: call.now,
      sent_at: call.now,
      sent_count: 1,
      expires_at: later(call.now, tools.config.invitationLifetime),
      accepted_at: null,
      accepted_by: null,
      revoked_at: null,
    }
    await insertInvitation(tx, row)
    await writeLetter(tools, tx, call, held, row, token)
    const details = { invitation_id: row.id, email: row.address, role: row.role }
    await record(tx, call, 'organization.invitation.sent', id, details)
    return { ...row, inviter_name: held.actor.name }
  })
}

/** A new letter, whose link alone is good; whoever sends it answers for the role. @throws Problem as invite, NOT_FOUND */
export async function resendInvitation(tools: InvitingTools, call: Call, id: string): Promise<Invitation> {
  return await inside(tools, call, 'invitations:write', async (tx, held) => {
    const open = await selectOpen(tx, held.organization.id, { id })
    if (!open) throw problem('NOT_FOUND')
    await assertMayGive(tools, tx, held, open.role)
    return await send(tools, tx, call, held, open, open.role)
  })
}

/** @param before the role that it named so far */
async function send(
  tools: InvitingTools,
  tx: Tx,
  call: Call,
  held: Held,
  wanted: InvitationRow,
  before: string,
): Promise<Invitation> {
  await assertMayActOn(tools, tx, held, before)
  await assertMaySend(tx, held.organization.id, wanted.address_key, call.now)
  const { token, secret_hash } = newSecret(wanted.id)
  const letter = {
    address: wanted.address,
    role: wanted.role,
    secret_hash,
    invited_by: held.actor.userId,
    sent_at: call.now,
    expires_at: later(call.now, tools.config.invitationLifetime),
  }
  const row = await updateSent(tx, wanted.id, letter, later(call.now, -DAY))
  if (!row) throw problem('NOT_FOUND')
  await writeLetter(tools, tx, call, held, row, token)
  const details = { invitation_id: row.id, email: row.address, role: row.role, before }
  await record(tx, call, 'organization.invitation.resent', held.organization.id, details)
  return { ...row, inviter_name: held.actor.name }
}

/** The organization is held, so that of many who ask at once each sees the letters before theirs. */
async function assertMaySend(tx: Tx, id: string, addressKey: string, now: Date): Promise<void> {
  const [toAddress, ofOrganization, fromAll] = await tx.asSystem((system) =>
    Promise.all([
      countLetters(system, id, later(now, -HOUR), addressKey),
      countLetters(system, id, later(now, -DAY), null),
      countLetters(system, null, later(now, -HOUR), addressKey),
    ]),
  )
  if (toAddress >= LETTERS_AN_HOUR || fromAll >= LETTERS_TO_ADDRESS) throw tooMany('this address', HOUR)
  if (ofOrganization >= LETTERS_A_DAY) throw tooMany('this organization’s invitations', DAY)
}

const tooMany = (of: string, wait: number) =>
  problem('RATE_LIMIT_EXCEEDED', {
    message: `Too many e-mails for ${of}. Try again later.`,
    retryAfter: wait / 1000,
  })

const writeLetter = (
  tools: InvitingTools,
  tx: Tx,
  call: Call,
  { actor, organization }: Held,
  row: InvitationRow,
  token: string,
): Promise<void> =>
  tools.mail.write(
    tx,
    invitationLetter(tools.config, {
      to: row.address,
      locale: call.locale,
      id: row.id,
      token,
      organization: organization.name,
      inviter: actor.name,
      expiresAt: row.expires_at,
    }),
    call.now,
  )

/** @throws Problem NOT_FOUND where it is not open, INSUFFICIENT_PERMISSIONS for a role beyond the caller's */
export async function revokeInvitation(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  id: string,
): Promise<void> {
  await inside(tools, call, 'invitations:write', async (tx, held) => {
    const open = await selectOpen(tx, held.organization.id, { id })
    if (!open) throw problem('NOT_FOUND')
    await assertMayActOn(tools, tx, held, open.role)
    if (!(await updateRevoked(tx, id, call.now))) throw problem('NOT_FOUND')
    const details = { invitation_id: id, email: open.address, role: open.role }
    await record(tx, call, 'organization.invitation.revoked', held.organization.id, details)
  })
}

/** Forgets those that ended long ago. */
export const purgeInvitations = (tools: Pick<Tools, 'db'>, now: Date): Promise<void> =>
  tools.db.tx('system', (tx) => deleteEndedBefore(tx, later(now, -KEEP_ENDED)))
