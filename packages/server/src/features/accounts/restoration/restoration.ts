/**
 * After a restored backup: credentials that had ended since the backup are valid again in its data, so that a stolen
 * or revoked one could be used a second time. Ends everything that was issued up to an instant, through the modules
 * that own it, while the server serves: sessions and keys in small transactions, the rest in one. It can be
 * interrupted and run again.
 */
import { systemCall } from '../../../base/call.ts'
import { audit } from '../../../core/audit/index.ts'
import { revokeLinksBefore } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endKeysBefore } from '../../access/api-keys/index.ts'
import { revokeFamiliesBefore } from '../../access/tokens/index.ts'
import { sessionChecks } from '../../identity/sessions/index.ts'
import { openInvitations } from '../../organizations/invitations/index.ts'
import { endAttempts } from '../../signin/attempts/index.ts'

export interface RevocationCounts {
  sessions: number
  refresh_families: number
  links: number
  attempts: number
  invitations: number
  api_keys: number
  /** Whether all signing keys were replaced, which ends every access token; not where tokens are signed with a secret. */
  signing_keys: boolean
}

/** @param apiKeys whether API keys end too */
export async function revokeAllBefore(
  tools: Pick<Tools, 'changes' | 'clock' | 'config' | 'db' | 'jobs' | 'keys' | 'log' | 'roles'>,
  before: Date,
  { apiKeys }: { apiKeys: boolean },
): Promise<RevocationCounts> {
  const { db, config } = tools
  const call = systemCall(tools.clock.now())
  const signing_keys = config.tokenAlgorithm !== 'HS256'
  const keys = await tools.keys.list(call.now)
  const isRotated = signing_keys || keys.some(({ line, stage }) => line === 'id_token' && stage !== 'removed')
  // first, so that no session that is about to end gets another token
  if (isRotated) await tools.keys.rotate(call, { immediately: true })
  const sessions = await sessionChecks({ ...tools, sharedRows: null }).endStartedUntil(call, before)
  const api_keys = apiKeys ? await endKeysBefore(db, call, before) : 0
  return await db.tx('system', async (tx) => {
    const refresh_families = await revokeFamiliesBefore(tx, before, call.now)
    const links = await revokeLinksBefore(tx, before, call.now)
    const attempts = await endAttempts(tx, { until: before }, call.now)
    const invitations = await openInvitations.revokeBefore(tx, before, call.now)
    const ended = { sessions, refresh_families, links, attempts, invitations, api_keys, signing_keys }
    const details = { before: before.toISOString(), ...ended }
    await audit(tx, call, { type: 'auth.revoked_before', userId: null, username: null, details })
    return ended
  })
}
