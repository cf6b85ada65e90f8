/**
 * Which providers a set-up link may connect: none that the organization knows already. The reader of a link says what the
 * provider is called and with which keys it signs, so under the name of another one they could assert its users.
 * Invariant: the caller has locked the organization, so that of several links one is the first.
 */
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { identityIssuersOf } from '../../../core/providers/index.ts'
import { hasIdentitiesOfOthers } from '../../identity/identities/index.ts'
import { connectionChanges, type ShownConnection } from '../connections/index.ts'

/**
 * Compares issuers across protocols, with those of connections and of linked identities, which outlive their connection. As
 * the system. @throws Problem CONFLICT `issuer_taken`
 */
export async function assertNewProvider(
  tx: Tx,
  organizationId: string,
  connection: ShownConnection,
): Promise<void> {
  const issuers = identityIssuersOf(connection.provider, connection.settings)
  if (issuers.length === 0) return
  const isOfOther = (other: ShownConnection): boolean =>
    other.id !== connection.id &&
    !isUnused(other) &&
    identityIssuersOf(other.provider, other.settings).some((issuer) => issuers.includes(issuer))
  const isTaken =
    (await connectionChanges.read(tx, organizationId)).some(isOfOther) ||
    (await hasIdentitiesOfOthers(tx, { id: connection.id, organizationId }, issuers))
  if (isTaken)
    throw problem('CONFLICT', {
      message:
        'The organization knows this provider already. Only its owners can connect it again: ask one of them.',
      details: { reason: 'issuer_taken' },
    })
}

/** The draft of another link, which signs in no user: of several, the first that is completed has the provider. */
const isUnused = ({ status, origin }: ShownConnection): boolean =>
  status === 'draft' && origin === 'setup_link'
