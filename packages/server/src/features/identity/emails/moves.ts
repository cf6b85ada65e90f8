/**
 * Moving an account to an address that its owner has proven, and moving it back. The address before stays claimed by
 * the account for `UNDO_LIFETIME`, so that no other account can take it and a link to it can restore it.
 * Invariant: restoring an address removes the present one and all that followed it, with their links. An address that
 * was kept earlier stays restorable, so that a second change cannot void the undoing of the first.
 */
import { later } from '../../../base/clock.ts'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import type { Db, Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { recurs, type Work } from '../../../core/jobs/index.ts'
import { issueLink, revokeMailboxLinks } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { User } from '../users/index.ts'
import { endPendingRivals } from './rivals.ts'
import { findKeptAddress, keepAddress, releaseAddressesBefore, restoreKept, updateAddress } from './sql.ts'

export const UNDO_LIFETIME = 7 * 86_400_000

/**
 * Moves the account to a proven address. The caller holds `lockAddress` of it, and the user's row.
 * @returns the token of the link that undoes it; null where the account returns to an address that it had before: that
 * change is itself the undoing of another
 * @throws Problem CONFLICT where another account owns the address
 */
export async function moveAddress(
  { jobs }: Pick<Tools, 'jobs'>,
  tx: Tx,
  user: User,
  email: string,
  now: Date,
): Promise<string | null> {
  const key = canonical(email)
  const kept = await findKeptAddress(tx, user.id, key)
  await revokeMailboxLinks(tx, user.id, now)
  if (kept !== null) {
    await restoreKept(tx, user.id, kept, now)
    return null
  }
  try {
    await updateAddress(tx, user.email_id, {
      address: email,
      address_key: key,
      verified_at: now,
      is_unproven: false,
    })
  } catch (error) {
    if (!isUniqueViolation(error, 'emails_claimed')) throw error
    throw problem('CONFLICT', {
      message: 'This address belongs to another account by now. The address of your account is unchanged.',
      details: { field: 'email' },
      cause: error,
    })
  }
  await endPendingRivals(jobs, tx, user.id, key, now)
  const emailId = await keepAddress(
    tx,
    user.id,
    { address: user.email, isUnproven: user.email_unproven },
    now,
  )
  return await issueLink(
    tx,
    { purpose: 'undo_email', userId: user.id, emailId, lifetime: UNDO_LIFETIME },
    now,
  )
}

/**
 * Moves the account back to a kept address.
 * @returns null where it is not kept any more; whether it had never been proven, as who registered it may be a stranger
 */
export async function restoreAddress(
  tx: Tx,
  user: User,
  keptId: string,
  now: Date,
): Promise<{ wasUnproven: boolean } | null> {
  await revokeMailboxLinks(tx, user.id, now)
  return await restoreKept(tx, user.id, keptId, now)
}

/** Releases addresses whose change can no longer be undone. */
export const moveJobs = ({ db }: { db: Db }): Work[] => [
  recurs('emails.release', '1h', async (now) => {
    await db.tx('system', (tx) => releaseAddressesBefore(tx, later(now, -UNDO_LIFETIME)))
  }),
]
