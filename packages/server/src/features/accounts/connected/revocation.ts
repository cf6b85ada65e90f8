/**
 * The jobs that revoke tokens at their provider: those of a removed identity, and all of a connection that is deleted or keeps none
 * any more. They run after the commit, so that a provider that does not answer delays nothing.
 */
import { listConnectionsOf, type UsableConnection } from '../../../core/connections/index.ts'
import type { Work } from '../../../core/jobs/index.ts'
import { runs } from '../../../core/jobs/index.ts'
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

export const tokenRelease = (tools: Pick<Tools, 'db' | 'jobs'>): Work =>
  runs(keptTokenJobs.release, (payload, now) => keptTokenJobs.clear(tools, payload, now))

export const tokenRevocation = (tools: RevocationTools): Work =>
  runs(keptTokenJobs.revoke, async ({ connection_id: id, tokens, connection: released }, now) => {
    const isKnown = released !== undefined && tools.keyring.opens('connections', released)
    const connection =
      (await listConnectionsOf(tools.db.hot, [id]))[0] ??
      (isKnown ? keptTokenJobs.readConnection(tools.keyring, released) : null)
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
