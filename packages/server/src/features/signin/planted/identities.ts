/**
 * Ending accounts at providers that are connected to a user: what one has proven in sessions and the sign-ins under way
 * end, the tokens that were kept for it are revoked at the provider, and the user gets an e-mail. In the caller's transaction,
 * under the lock of the user's row.
 */
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import { listConnectionsOf } from '../../../core/connections/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  deleteIdentity,
  type Identity,
  identityEmails,
  listIdentities,
  revokeKeptTokens,
} from '../../identity/identities/index.ts'
import { provenSessions } from '../../identity/sessions/index.ts'
import type { User } from '../../identity/users/index.ts'
import { endAttempts } from '../attempts/index.ts'

export type EndTools = Pick<Tools, 'clock' | 'config' | 'jobs' | 'mail'>

/**
 * Disconnects an account at a provider from a user.
 * @param options `reason`: why it ended without the user asking for it; `keepSession`: the id of a session that continues
 * @returns false where it is not connected any more
 */
export async function endIdentity(
  tools: EndTools,
  tx: Tx,
  call: Call,
  user: User,
  identity: Identity,
  { reason, keepSession = null }: { reason?: string; keepSession?: string | null } = {},
): Promise<boolean> {
  const { id: userId, username } = user
  const { id, connection_id: connectionId, provider, issuer, subject } = identity
  const deleted = await deleteIdentity(tx, userId, id)
  if (!deleted) return false
  // what is kept now, which the job that clears tokens may have changed since
  await revokeKeptTokens(tools.jobs, tx, [deleted], call.now)
  await endAttempts(tx, { userId }, call.now)
  await provenSessions.endIn(tools, tx, call, userId, { identityId: id, connectionId }, keepSession)
  await audit(tx, call, {
    type: 'auth.identity.unlinked',
    userId,
    username,
    details: {
      identity_id: id,
      connection_id: connectionId,
      provider,
      issuer,
      subject,
      ...(reason !== undefined && { reason }),
    },
  })
  const [connection] = connectionId === null ? [] : await listConnectionsOf(tx, [connectionId])
  const email = identityEmails.unlinked(tools.config, {
    to: user.email,
    locale: findLocale(user.locale) ?? call.locale,
    connection: connection?.name ?? provider,
    account: identity.email ?? identity.name,
  })
  await tools.mail.write(tx, email, call.now, userId)
  return true
}

/** Ends all that were connected before the mailbox was proven. */
export async function endAllIdentities(tools: EndTools, tx: Tx, call: Call, user: User): Promise<void> {
  for (const identity of await listIdentities(tx, user.id))
    await endIdentity(tools, tx, call, user, identity, { reason: 'mailbox_proven' })
}

/**
 * Ends those with which a user was registered before the address was verified, for a user who has lost the password and proves
 * the mailbox: another person may have registered them with the address, and had it confirmed by its owner.
 */
export async function endIdentitiesOfRegistration(
  tools: EndTools,
  tx: Tx,
  call: Call,
  user: User,
): Promise<void> {
  const { email_verified_at: verifiedAt, created_at: createdAt } = user
  for (const identity of await listIdentities(tx, user.id)) {
    const { linked_at: linkedAt } = identity
    if (verifiedAt !== null && linkedAt < verifiedAt && linkedAt <= createdAt)
      await endIdentity(tools, tx, call, user, identity, { reason: 'password_changed' })
  }
}
