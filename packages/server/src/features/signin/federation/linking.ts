/**
 * Linking: what happens with an identity that a provider has asserted. A pure function, tested as a table. The key of an
 * identity is (issuer, subject): an address never links silently, except where the operator allows it for the connection and
 * both sides have verified the address; and never to an account whose address is not verified, which a stranger may have
 * registered (Better Auth GHSA-g38m-r43w-p2q7, Casdoor CVE-2026-9092).
 */

import type { ConnectionQuestion } from '../../../core/connection-events.ts'
import type { ProviderFault } from '../../../core/providers/index.ts'
import type { RoundTrip } from '../round-trips/index.ts'

export interface LinkingFacts {
  flow: Exclude<RoundTrip['flow'], 'test'>
  /**
   * The user whom the identity is linked to; null where it is not linked. `isPending`: a registration whose address was never
   * verified, which signs no user in. It does not count: an address with a typing error must not cost the identity.
   */
  linkedTo: { id: string; isPending: boolean } | null
  /** The user who asked to link, or whose sign-in or session is continued; null at a sign-in. */
  caller: string | null
  /** Whether the caller may connect it: of an organization's connection, a member, or where their own address is of its domains. */
  mayConnect: boolean
  /** Whether the caller asked for it in a form of this server, not by a URL that another site can open. */
  isMeant: boolean
  /** The address that the provider states: by the rule of the provider's row. */
  email: 'verified' | 'unverified' | 'absent'
  /** The account that owns the address here. */
  owner: { id: string; isVerified: boolean } | null
  /** Whether the connection may make an account for this address. */
  registers: boolean
  linksSilently: boolean
  /** Whether the step-up that is continued requires this connection: the organization has it in its policy. */
  isRequired: boolean
}

export type Linking =
  /** Signs the user in, or continues their attempt. */
  | { is: 'known'; userId: string }
  /** Links to this user, also what a registration that waits has: the caller, or the owner of the address. `claims`: their address is verified by it, and what was planted ends. */
  | { is: 'link'; userId: string; claims: boolean }
  /** The identity is the caller's already. */
  | { is: 'linked' }
  /** Makes an account with the verified address. */
  | { is: 'register' }
  /**
   * The user decides: `owner`, they sign in to the account of the address first; `account`, they name an address for a new
   * account, where the connection makes any, or sign in to the one that they have; `link`, they confirm what a URL has begun;
   * `sign_in`, they confirm a sign-in (`asksToSignIn`).
   */
  | { is: 'ask'; question: ConnectionQuestion }
  | { is: 'refused'; fault: ProviderFault }

const refused = (fault: ProviderFault): Linking => ({ is: 'refused', fault })

export function linkingOf(facts: LinkingFacts): Linking {
  const { flow, caller, email, owner } = facts
  const linkedTo = facts.linkedTo?.isPending ? null : (facts.linkedTo?.id ?? null)
  if (flow === 'link') {
    if (caller === null) return refused('expired')
    if (linkedTo !== null) return linkedTo === caller ? { is: 'linked' } : refused('taken')
    if (!facts.mayConnect) return refused('domain_refused')
    return facts.isMeant ? { is: 'link', userId: caller, claims: false } : { is: 'ask', question: 'link' }
  }
  if (flow === 'continue') {
    if (caller === null) return refused('expired')
    if (linkedTo !== null) return linkedTo === caller ? { is: 'known', userId: caller } : refused('taken')
    // the first time that an organization requires its provider, whose word for the address counts: else a connected one continues
    const isOwn = facts.isRequired && email === 'verified' && owner?.id === caller && owner.isVerified
    return isOwn ? { is: 'link', userId: caller, claims: false } : refused('not_connected')
  }
  if (linkedTo !== null) return { is: 'known', userId: linkedTo }
  if (email === 'verified') {
    if (owner?.isVerified)
      return facts.linksSilently
        ? { is: 'link', userId: owner.id, claims: false }
        : { is: 'ask', question: 'owner' }
    if (owner) return { is: 'link', userId: owner.id, claims: true }
    if (facts.registers) return { is: 'register' }
  }
  return { is: 'ask', question: 'account' }
}

/** Whether it starts a session, in contrast to continuing or raising one. */
export const startsSession = ({ flow }: Pick<LinkingFacts, 'flow'> | RoundTrip, { is }: Linking): boolean =>
  (flow === 'login' || flow === 'register') && (is === 'known' || is === 'link' || is === 'register')

/**
 * Whether a sign-in by the connection of an organization waits until the user has confirmed it. The administrator of the provider
 * decides what it answers, also without asking any user: so a page of another site could sign its visitors in to an account
 * that it controls (login CSRF), as an unsolicited answer of SAML could.
 */
export const asksToSignIn = ({
  user,
  signedInAs,
  isByOther,
  isKnown,
}: {
  /** Whom it signs in; null: a new user. */
  user: string | null
  /** Whose session the browser has; null: it has none. */
  signedInAs: string | null
  /** Whether a site that is not registered has sent the browser. */
  isByOther: boolean
  /** Whether the user has signed in in this browser before. */
  isKnown: boolean
}): boolean => (signedInAs === null ? isByOther && !isKnown : signedInAs !== user)
