/**
 * The rules of accepting and declining an invitation. An invitation is bound to its address: the user who accepts has
 * that address, and has proven it by the token, which only its mailbox received, or by having verified it before.
 * Invariants: one conditional statement accepts, so that one of many concurrent requests succeeds; an invitation whose
 * sender could not grant its role any more is invalid; a refused request leaves the invitation open.
 */
import type { Call, Principal } from '../../../base/call.ts'
import { sha256 } from '../../../base/crypto.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, type Problem, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import type { Tools } from '../../../core/tools.ts'
import { settling } from '../../identity/sessions/index.ts'
import {
  addMembership,
  lockActiveUser,
  lockOrganization,
  type OrganizationRow,
  recordOrganizationEvent,
} from '../membership/index.ts'
import { permissionsOfRole } from '../roles/index.ts'
import {
  type InvitationRow,
  selectAddress,
  selectInvitation,
  selectInvitationNames,
  selectInvitationsTo,
  updateAccepted,
  updateInvitationRevoked,
} from './sql.ts'
import { isStillGranted, withState } from './state.ts'

/** The next step of the invited person. It does not depend on whether the address has an account. */
type InvitationStep = 'accept' | 'sign_in' | 'other_account'

/** An invitation with the names that the invited person sees. */
export interface OwnInvitation {
  invitation: InvitationRow
  organization: string
  inviter: string | null
}

export interface InvitationPreview extends OwnInvitation {
  next: InvitationStep
}

const notValid = (): Problem =>
  problem('NOT_FOUND', { message: 'This invitation is no longer valid. Request a new one.' })

interface InvitationKey {
  id: string
  /** The hash of the token's secret; null for a user with the verified address, who needs no token. */
  hash: Buffer | null
}

function keyOf(token: string): InvitationKey & { hash: Buffer } {
  const [id = '', secret = '', more] = token.split('.')
  if (!isId('inv', id) || secret.length !== 43 || more !== undefined) throw notValid()
  return { id, hash: sha256(secret) }
}

/**
 * An invitation with a wrong secret is not found, nor is an expired one without a secret.
 * @throws Problem NOT_FOUND, TOKEN_EXPIRED
 */
async function getOpenInvitation(tx: Tx, { id, hash }: InvitationKey, now: Date): Promise<InvitationRow> {
  const row = await selectInvitation(tx, id)
  const isOpen = row && row.accepted_at === null && row.revoked_at === null
  if (!isOpen || (hash && !row.secret_hash.equals(hash))) throw hash ? notValid() : notFound('invitation')
  if (row.expires_at > now) return row
  if (hash === null) throw notFound('invitation')
  throw problem('TOKEN_EXPIRED', { message: 'This invitation has expired. Request a new one.' })
}

/** For anyone with the token. @throws Problem NOT_FOUND, TOKEN_EXPIRED */
export async function previewInvitation(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  { id, token }: { id: string; token: string },
): Promise<InvitationPreview> {
  const key = keyOf(token)
  if (key.id !== id) throw notValid()
  return await tools.db.tx('system', async (tx) => {
    const invitation = await getOpenInvitation(tx, key, call.now)
    const [names] = await selectInvitationNames(tx, [id])
    if (!names || !(await isStillGranted(tools, tx, invitation, call.now))) throw notValid()
    const next = await nextStep(tx, call, invitation)
    return { invitation, organization: names.organization_name, inviter: names.inviter_name, next }
  })
}

async function nextStep(
  tx: Tx,
  { principal, session }: Call,
  { address_key }: InvitationRow,
): Promise<InvitationStep> {
  if (!principal || !session) return 'sign_in'
  const address = await selectAddress(tx, principal.userId, address_key)
  return address === 'none' ? 'other_account' : 'accept'
}

export interface AcceptedInvitation {
  organization: OrganizationRow
  role: string
  permissions: readonly string[]
}

type AcceptTools = Pick<Tools, 'db' | 'roles'>

/**
 * What became of an invitation that the caller may answer: by its token, or by the verified address. For an answer that
 * is sent twice.
 */
export async function findOutcome(
  tools: Pick<Tools, 'db'>,
  call: Call,
  { id, token }: { id: string; token?: string },
): Promise<'accepted' | 'declined' | null> {
  const { principal } = call
  const key = token === undefined ? { id, hash: null } : keyOf(token)
  if (key.id !== id) return null
  return await tools.db.tx('system', async (tx) => {
    const row = await selectInvitation(tx, id)
    if (!row || (key.hash && !row.secret_hash.equals(key.hash))) return null
    if (row.accepted_by !== null) return row.accepted_by === principal?.userId ? 'accepted' : null
    if (row.revoked_at === null) return null
    const isAddressed =
      key.hash !== null ||
      (principal !== null && (await selectAddress(tx, principal.userId, row.address_key)) === 'verified')
    return isAddressed ? 'declined' : null
  })
}

/** By the token. @throws Problem NOT_FOUND, TOKEN_EXPIRED, INSUFFICIENT_PERMISSIONS, CONFLICT */
export const acceptInvitation = (
  tools: AcceptTools,
  call: Call,
  token: string,
): Promise<AcceptedInvitation> => accept(tools, call, keyOf(token))

/** By the id, from the list of the user's own invitations: the verified address is the proof. */
export const acceptOwnInvitation = (
  tools: AcceptTools,
  call: Call,
  id: string,
): Promise<AcceptedInvitation> => accept(tools, call, { id, hash: null })

async function accept(tools: AcceptTools, call: Call, key: InvitationKey): Promise<AcceptedInvitation> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx('system', async (tx) => {
    const { organization, invitation } = await lockInvitation(tx, call, principal, key)
    const { id, role } = invitation
    if (!(await isStillGranted(tools, tx, invitation, call.now))) throw notValid()
    if (!(await lockActiveUser(tx, principal.userId))) throw problem('AUTHENTICATION_REQUIRED')
    if (!(await updateAccepted(tx, id, principal.userId, key.hash, call.now))) throw notValid()
    const member = { organization_id: organization.id, user_id: principal.userId, role, joined_at: call.now }
    if (!(await addMembership(tx, member)))
      throw problem('CONFLICT', { message: 'You belong to this organization already.' })
    // a session that acts in another organization stays there
    if (call.organization === null) await settling.session(tx, session.id, organization.id)
    const details = { invitation_id: id, role, invited_by: invitation.invited_by }
    await recordOrganizationEvent(tx, call, 'organization.invitation.accepted', organization.id, details)
    return {
      organization,
      role,
      permissions: (await permissionsOfRole(tools, tx, organization.id, role)) ?? [],
    }
  })
}

/** The invitation, with its organization locked and its address checked. */
async function lockInvitation(
  tx: Tx,
  call: Call,
  principal: Principal,
  key: InvitationKey,
): Promise<{ organization: OrganizationRow; invitation: InvitationRow }> {
  const { organization_id } = await getOpenInvitation(tx, key, call.now)
  const organization = await lockOrganization(tx, organization_id)
  if (!organization || organization.deleted_at !== null) throw notValid()
  const invitation = await getOpenInvitation(tx, key, call.now)
  await assertAddressed(tx, principal, invitation, key)
  return { organization, invitation }
}

async function assertAddressed(
  tx: Tx,
  principal: Principal,
  row: InvitationRow,
  { hash }: InvitationKey,
): Promise<void> {
  const address = await selectAddress(tx, principal.userId, row.address_key)
  // the token proves the mailbox
  if (address === 'verified' || (address === 'unverified' && hash !== null)) return
  // without the token, another user's invitation is not found
  if (hash === null) throw notFound('invitation')
  throw problem('INSUFFICIENT_PERMISSIONS', {
    message: 'This invitation is for another e-mail address. Sign in with the account that has this address.',
    details: { reason: 'other_address' },
  })
}

/** By the token, signed in or not. @throws Problem NOT_FOUND, TOKEN_EXPIRED */
export async function declineInvitation(tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<void> {
  const key = keyOf(token)
  await tools.db.tx('system', async (tx) => {
    await getOpenInvitation(tx, key, call.now)
    await decline(tx, call, key)
  })
}

/** From the list of the user's own invitations. @throws Problem NOT_FOUND */
export async function declineOwnInvitation(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<void> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  await tools.db.tx('system', async (tx) => {
    const key = { id, hash: null }
    await assertAddressed(tx, principal, await getOpenInvitation(tx, key, call.now), key)
    await decline(tx, call, key)
  })
}

async function decline(tx: Tx, call: Call, { id, hash }: InvitationKey): Promise<void> {
  const row = await updateInvitationRevoked(tx, id, call.now, hash)
  if (!row) throw notValid()
  const details = { invitation_id: id, role: row.role }
  // the event names no actor: the organization learns nothing about a person who declines
  const stranger = { ...call, principal: null, session: null, ip: null, userAgent: null }
  await recordOrganizationEvent(
    tx,
    stranger,
    'organization.invitation.declined',
    row.organization_id,
    details,
  )
}

/** The invitations to the caller's verified addresses that the caller can accept, the newest first. */
export async function listOwnInvitations(
  tools: Pick<Tools, 'db' | 'keyring' | 'roles'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly OwnInvitation[]; nextCursor: string | null }> {
  const scope = callerScope(call)
  const list = `invitations to ${scope.userId}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const { rows, names } = await tools.db.tx(scope, async (tx) => {
    const found = await selectInvitationsTo(tx, scope.userId, call.now, after, limit + 1)
    // as the system: the invited may not read the organization yet
    return await tx.asSystem(async (system) => {
      const rows = await withState(tools, system, found, call.now)
      const names = await selectInvitationNames(
        system,
        rows.map(({ id }) => id),
      )
      return { rows, names: new Map(names.map((one) => [one.id, one])) }
    })
  })
  const { page, nextCursor } = pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
  const mine = page.flatMap((invitation) => {
    const found = invitation.state === 'open' ? names.get(invitation.id) : undefined
    return found ? [{ invitation, organization: found.organization_name, inviter: found.inviter_name }] : []
  })
  return { page: mine, nextCursor }
}
