/** What the door takes from an identity provider: a user for whom it vouches, and whose word that is. */
import type { ProofKind, SignInFacts } from '../../../base/assurance.ts'
import type { AuditEntry } from '../../../core/audit/index.ts'
import type { ProviderSession } from '../../../core/providers/index.ts'

/** A user for whom an identity provider vouches. */
export interface VouchedUser {
  userId: string
  /** The connection, and its organization, if it has one. */
  by: { id: string; organizationId: string | null; version: number }
  /** The id of the identity for which it vouches. */
  identity: string
  /** What its provider calls the session of the user there, of which it may end ours. */
  session?: ProviderSession | undefined
  /** That its provider has checked two factors, and is trusted about it (`isTwoFactor` of core/connections). */
  mfa?: boolean
  /** That the user was registered with it. */
  registers?: true
  events?: readonly AuditEntry[]
}

/** Whose word a proof is, and whether the connection is an authority for the user's account. */
export const ofOrganization = (
  { id, organizationId }: VouchedUser['by'],
  { authorities = [] }: SignInFacts,
): Pick<ProofKind, 'organization' | 'authority'> =>
  organizationId === null
    ? {}
    : { organization: organizationId, ...(authorities.includes(id) && { authority: true }) }
