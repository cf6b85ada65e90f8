/**
 * Ends what another person may have planted in an account: every session with its tokens, API keys, sign-ins under way,
 * links, known devices, and the second factors and accounts at identity providers that were added since a time, whose kept tokens
 * are revoked there. The password is the caller's to end or to replace. Invariant: all of it in the caller's transaction, under
 * the lock of the user's row, so that nothing is added between.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Factor } from '../../../core/factors/index.ts'
import { revokeMailboxLinks } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endKeysOf } from '../../access/api-keys/index.ts'
import { deleteIdentitiesSince, type Identity, revokeKeptTokens } from '../../identity/identities/index.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import type { User } from '../../identity/users/index.ts'
import { endAttempts } from '../attempts/index.ts'
import { type Device, forgetDevices } from '../devices/index.ts'
import { removeFactorsSince } from '../mfa/index.ts'

/** What was ended that a user has to set up again where it was theirs. */
export interface Ended {
  /** Their names. */
  apiKeys: readonly string[]
  factors: readonly Pick<Factor, 'kind' | 'name'>[]
  identities: readonly Pick<Identity, 'provider' | 'name' | 'email'>[]
}

/** @param since second factors and identities that were added before then stay; null: none does */
export async function endPlanted(
  { jobs }: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  { id: userId, username }: User,
  {
    since,
    reason,
    device = null,
  }: {
    since: Date | null
    reason: 'password_changed' | 'email_changed' | 'revoked'
    /** Stays known. */
    device?: Device | null
  },
): Promise<Ended> {
  await revokeMailboxLinks(tx, userId, call.now)
  await endAttempts(tx, { userId }, call.now)
  await endSessions(tx, call, { userId, username, reason, withApps: true })
  const apiKeys = await endKeysOf(tx, call, { userId, username }, { reason })
  const factors = await removeFactorsSince(tx, call, { id: userId, username }, since, { reason })
  const identities = await deleteIdentitiesSince(tx, userId, since)
  await revokeKeptTokens(jobs, tx, identities, call.now)
  if (identities.length > 0)
    await audit(
      tx,
      call,
      ...identities.map(({ id, provider, issuer, subject }) => ({
        type: 'auth.identity.unlinked' as const,
        userId,
        username,
        details: { identity_id: id, provider, issuer, subject, reason },
      })),
    )
  await forgetDevices(tx, userId, device)
  return { apiKeys, factors, identities }
}

/** As the audit log has it. */
export const endedDetails = ({ apiKeys, factors, identities }: Ended): Record<string, unknown> => ({
  api_keys: apiKeys.length,
  factors: factors.map(({ kind }) => kind),
  ...(identities.length > 0 && { identities: identities.map(({ provider }) => provider) }),
})
