/** Which factors of a user are not accepted now, and why. Pure functions; what proofs are worth is in assurance.ts. */
import type { FactorKind, SignInFacts } from './assurance.ts'

/** How long after a reset by the mailbox the mailbox is no second factor, in milliseconds. */
export const AFTER_RESET = 3_600_000

/**
 * The kinds of factors that are not accepted: passkeys of which none is, because there may be copies of them or they belong
 * to another domain; and the mailbox while the password was just chosen by it: it would be both factors.
 */
export const refusedKinds = (
  { hasRefusedPasskeysOnly, resetAt }: { hasRefusedPasskeysOnly: boolean; resetAt: Date | null },
  now: Date,
): FactorKind[] => [
  ...(hasRefusedPasskeysOnly ? (['passkey'] as const) : []),
  ...(resetAt !== null && now.getTime() - resetAt.getTime() < AFTER_RESET ? (['email'] as const) : []),
]

/** Why a user who has a second factor cannot give one now; null where nothing that they have is refused. */
export type Blocked = 'factor_refused' | 'recent_reset'

export function findBlocked({ factors, refused = [] }: SignInFacts): Blocked | null {
  const isRefused = (kind: FactorKind) => factors.includes(kind) && refused.includes(kind)
  return isRefused('passkey') ? 'factor_refused' : isRefused('email') ? 'recent_reset' : null
}
