/**
 * What follows from a change of a connection, in its transaction: by jobs, the end of what it alone has proven and of the tokens that
 * were kept for it, where it is deleted; and where domains lead, and what members are required. Leaves running the jobs to signin/federation and
 * accounts/connected, which are above.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { endProofs } from '../../../core/connection-ended.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { rolesIn } from '../../../core/providers/settings.ts'
import { changingRequirement } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { releaseKeptTokens } from '../../identity/identities/index.ts'
import { domainChanges } from '../domains/index.ts'
import type { Owner } from './owners.ts'
import { lockConnection } from './sql.ts'

/** Before the row of the connection is deleted. As the system; its owner is locked. */
export async function prepareDeletion(
  tools: Pick<Tools, 'jobs' | 'keyring'>,
  tx: Tx,
  call: Call,
  connection: UsableConnection,
): Promise<void> {
  const { id, status, version } = connection
  // a draft has proven nothing
  if (status === 'draft') return
  await releaseKeptTokens.ofConnection(tools, tx, connection, call.now)
  await endProofs(tools.jobs, tx, [{ id, version: version + 1 }], call.now)
}

/**
 * Runs a change of the connections. If it changes which are active, it decides where domains lead, and by which connections members
 * can be required to sign in.
 * @throws Problem INSUFFICIENT_PERMISSIONS where domains would lead to a connection of a set-up link, which speaks for those that lead
 * to it alone, and which gives roles beyond the caller's
 */
export async function changingUse<T>(
  tools: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  { organizationId, assertMayGive }: Owner,
  decides: boolean,
  change: () => Promise<T>,
): Promise<T> {
  if (!decides || organizationId === null) return await change()
  const assertMayLead = async (id: string): Promise<void> => {
    const connection = await lockConnection(tx, organizationId, id)
    if (connection?.origin === 'setup_link') await assertMayGive(rolesIn(connection.settings))
  }
  return await changingRequirement(tools, tx, organizationId, () =>
    domainChanges.recordLeads(tx, call, organizationId, change, assertMayLead),
  )
}
