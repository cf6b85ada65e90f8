/**
 * The jobs that revoke tokens at their provider: those of a removed identity, and all of a connection that is deleted or keeps none
 * any more. They run after the commit, so that a provider that does not answer delays nothing.
 */
import type { UsableConnection } from '../../../core/connections/index.ts'
import type { Work } from '../../../core/jobs/index.ts'
import { recurs, runs } from '../../../core/jobs/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { keptTokenJobs } from '../../identity/identities/index.ts'
import { revokeTokens } from '../../signin/upstream/index.ts'

type RevocationTools = Pick<Tools, 'config' | 'db' | 'keyring' | 'log' | 'outbound'>

/** Faults after which the provider may answer differently. */
const PASSING: readonly string[] = ['unreachable', 'provider_error', 'bad_answer']

/** What was sealed under a secret that is lost is not readable at a retry either. */
const isReadable = (
  { keyring }: RevocationTools,
  { sealedSecret }: UsableConnection,
  tokens: string,
): boolean =>
  keyring.opens('identities', tokens) && (sealedSecret === null || keyring.opens('connections', sealedSecret))

export const tokenRelease = (tools: Pick<Tools, 'db' | 'jobs' | 'keyring'>): Work[] => [
  runs(keptTokenJobs.release, (payload, now) => keptTokenJobs.clear(tools, payload, now)),
  runs(keptTokenJobs.formerRelease, (payload, now) => keptTokenJobs.clearFormer(tools, payload, now)),
  recurs('identities.released_connections', '1d', (now) => keptTokenJobs.purge(tools.db.hot, now)),
]

export const tokenRevocation = (tools: RevocationTools): Work =>
  runs(keptTokenJobs.revoke, async (payload, now) => {
    const { connection_id: id, tokens } = payload
    const connection = await keptTokenJobs.connectionOf(tools, payload)
    if (!connection) return
    if (!isReadable(tools, connection, tokens)) {
      tools.log.warn(
        { connection_id: id },
        'the tokens of a removed account were not revoked at its provider: they, or the secret of the connection, are encrypted under another LATCHKEY_SECRET',
      )
      return
    }
    try {
      await revokeTokens(tools, connection, keptTokenJobs.read(tools.keyring, tokens), now)
    } catch (error) {
      if (!(error instanceof FederationFault) || PASSING.includes(error.fault)) throw error
      tools.log.warn(
        { connection_id: id, reason: error.fault },
        'revoking the tokens of a removed account at its provider failed',
      )
    }
  })
