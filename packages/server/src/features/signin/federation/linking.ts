/**
 * Linking: what happens with an identity that a provider has asserted, a pure function, tested as a table; and what the
 * diagnostics say of what it has led to. The key of an identity is (issuer, subject): an address never links silently, except
 * where the operator allows it for the connection and both sides have verified the address; and never to an account whose
 * address is not verified, which a stranger may have registered (Better Auth GHSA-g38m-r43w-p2q7, Casdoor CVE-2026-9092).
 */
import type { Call } from '../../../base/call.ts'
import { domainOfAddress } from '../../../base/domain-names.ts'
import { Problem } from '../../../base/errors.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import {
  type ConnectionEvent,
  type ConnectionQuestion,
  failedEvent,
} from '../../../core/connection-events.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { type ExternalIdentity, FederationFault, type ProviderFault } from '../../../core/providers/index.ts'
import type { Outcome } from '../door/index.ts'
import type { RoundTrip, UndecidedIdentity } from '../round-trips/index.ts'

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

/** An identity in the hands of a browser. */
export interface AssertedIdentity {
  connection: UsableConnection
  trip: RoundTrip
  identity: ExternalIdentity
  /** Whether the address is of a domain that the connection's organization has proven. */
  isOwnDomain: boolean
}

export type Resolution =
  | { outcome: Outcome }
  /** The identity is linked to the caller. */
  | { linkedNow: boolean }
  /** The user decides, in the browser with this cookie. */
  | { question: UndecidedIdentity['question']; cookie: CookieChange }

/** Whether the connection makes an account for the address of this identity, and why not. */
export function findRegistrationFault({
  connection: { organizationId, settings },
  identity: { email },
  isOwnDomain,
}: Pick<AssertedIdentity, 'connection' | 'identity' | 'isOwnDomain'>):
  | 'not_registered'
  | 'domain_refused'
  | null {
  if (settings.registers === false) return 'not_registered'
  // without an address the user names one, which is of the domain or is not
  return organizationId !== null && email !== null && !isOwnDomain ? 'domain_refused' : null
}

/**
 * The event of an answer that was accepted, though the account may be refused.
 * @param decidedBy of a decision of the user about it: who that is, where it is known
 */
export function eventOf(
  asserted: AssertedIdentity,
  resolved: Resolution,
  decidedBy?: { userId: string | null },
): ConnectionEvent {
  const { connection, trip, identity } = asserted
  const about = { connectionId: connection.id, flow: trip.flow, identity, userId: trip.userId }
  if ('question' in resolved)
    return { ...about, fault: null, question: resolved.question, tripId: trip.id, detail: barOn(asserted) }
  const decision = {
    ...about,
    ...(decidedBy && { tripId: trip.id, userId: trip.userId ?? decidedBy.userId }),
  }
  if ('outcome' in resolved && 'refused' in resolved.outcome)
    return { ...decision, fault: 'user_refused', detail: resolved.outcome.refused.message }
  return { ...decision, fault: null, detail: remarkOn(connection, identity) }
}

/** Why no account is made for the user who decides; null where one can be. The address itself is for fewer readers. */
function barOn(asserted: AssertedIdentity): string | null {
  const fault = findRegistrationFault(asserted)
  if (fault === null) return null
  return fault === 'not_registered' ? 'The connection makes no accounts.' : outsideOf(asserted.identity.email)
}

export const outsideOf = (email: string | null): string =>
  `No account is made for an address at ${domainOfAddress(email ?? '') ?? 'this domain'}, which is not a verified domain of the organization that leads to this connection.`

/** What an answer that was accepted lacks; null for nothing. */
const remarkOn = ({ settings }: UsableConnection, { groups }: ExternalIdentity): string | null =>
  groups === null && settings.group_roles?.length
    ? 'The answer does not state the groups of the user, so that their role in the organization stays as it is.'
    : null

/** The event of a decision that is refused to the caller. */
export const refusedDecision = (
  { principal }: Pick<Call, 'principal'>,
  { connection, trip, identity }: AssertedIdentity,
  fault: FederationFault,
): ConnectionEvent =>
  failedEvent(connection.id, trip.flow, fault, {
    identity,
    userId: trip.userId ?? principal?.userId ?? null,
    tripId: trip.id,
  })

/** What refuses an answer, of its provider or of ours. @throws the error, where it is neither */
export function asFederationFault(error: unknown): FederationFault {
  if (error instanceof FederationFault) return error
  if (!(error instanceof Problem) || error.status >= 500) throw error
  return accountFault(error) ?? new FederationFault('expired', error.message, { cause: error })
}

/** What refuses a decision, also where its form answers with a problem that it causes; null for what is not about the identity. */
export const faultOfDecision = (error: unknown): FederationFault | null => {
  if (error instanceof FederationFault) return error
  if (!(error instanceof Problem)) return null
  return error.cause instanceof FederationFault ? error.cause : accountFault(error)
}

const accountFault = (error: Problem): FederationFault | null =>
  error.code === 'ACCOUNT_DISABLED' || error.code === 'ACCOUNT_LOCKED'
    ? new FederationFault('user_refused', error.message, { cause: error })
    : null
