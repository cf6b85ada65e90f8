/**
 * The proofs of a session: what it has after further ones, and which level they reach where it acts. Pure functions, tested as
 * tables with those of assurance.ts.
 */
import { type Acr, acrOf, amrOf, proofsIn, type StoredProof, withoutForeignMfa } from './assurance.ts'

/**
 * The proofs of a session after further ones: the latest of each method, and of each identity by each connection. One by a factor that had been
 * enrolled for long stays beside one by a new factor of its kind, which counts for less.
 */
export function mergeProofs(
  former: readonly StoredProof[],
  further: readonly StoredProof[],
): readonly StoredProof[] {
  const merged = new Map<string, StoredProof>()
  for (const proof of [...former, ...further]) {
    const { method, amr, factor, channel, phishing_resistant, user_verified, at } = proof
    const { connection, connection_version, identity, organization, authority, mfa, established } = proof
    const key = `${method} ${connection ?? ''} ${identity ?? ''} ${established ?? ''}`
    const known = merged.get(key)
    if (known && known.at > at) continue
    const kind = {
      ...(channel && { channel }),
      ...(user_verified && { user_verified }),
      ...(connection && { connection }),
      ...(connection_version !== undefined && { connection_version }),
      ...(identity && { identity }),
      ...(organization && { organization }),
      ...(authority && { authority }),
      ...(mfa && { mfa }),
      ...(established && { established }),
    }
    merged.set(key, { method, amr, factor, phishing_resistant, ...kind, at })
  }
  return [...merged.values()]
}

/**
 * The level and the references of a session where it acts: in an organization, or in none (null), where no organization's
 * provider raises the level.
 */
export function levelIn(
  { proofs, acr, amr }: { proofs: readonly StoredProof[]; acr: Acr; amr: string[] },
  organizationId: string | null,
): { acr: Acr; amr: string[] } {
  const isForeign = proofs.some(
    ({ organization }) => organization !== undefined && organization !== organizationId,
  )
  if (!isForeign) return { acr, amr }
  const counting =
    organizationId === null ? withoutForeignMfa(proofs, null) : proofsIn(proofs, organizationId)
  return { acr: acrOf(counting), amr: amrOf(counting) }
}

/**
 * Whether a session acts for the whole account: the roles that a user has at the server hold in it. The provider of an
 * organization alone proves no more than membership, unless the organization is an authority for the user's address:
 * otherwise who administers the provider could sign in as an administrator of the server who is a member. A remembered browser
 * adds nothing to that word: its user has proven nothing in it now.
 */
export const actsForAccount = (
  proofs: readonly Pick<StoredProof, 'channel' | 'organization' | 'authority'>[],
): boolean =>
  proofs.length === 0 ||
  proofs.some(
    ({ channel, organization, authority }) =>
      channel !== 'device' && (organization === undefined || authority),
  )
