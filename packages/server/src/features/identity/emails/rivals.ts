/** Registrations of one address that rival each other: the account that proves the mailbox has it, and the others are deleted. */
import type { Tx } from '../../../base/db/types.ts'
import type { Jobs } from '../../../core/jobs/index.ts'
import { revokeKeptTokens } from '../identities/index.ts'
import { deletePending, lockPendingRivals } from './sql.ts'

/** Deletes the other registrations with the address, and all rows that depend on them; kept tokens are revoked at their provider. */
export async function endPendingRivals(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  userId: string,
  addressKey: string,
  now: Date,
): Promise<void> {
  const userIds = await lockPendingRivals(tx, userId, addressKey)
  if (userIds.length === 0) return
  await revokeKeptTokens(jobs, tx, { userIds }, now)
  await deletePending(tx, userIds)
}
