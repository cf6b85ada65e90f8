/**
 * What an identity that a provider has asserted leads to, and what the diagnostics and the audit log record of it. A sign-in
 * that waits for a decision of its user is one event, and the decision another, also where it is refused.
 */
import type { Call } from '../../../base/call.ts'
import { domainOfAddress } from '../../../base/domain-names.ts'
import { Problem } from '../../../base/errors.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { audit } from '../../../core/audit/index.ts'
import { type ConnectionEvent, failedEvent, recordConnectionEvent } from '../../../core/connection-events.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { type ExternalIdentity, FederationFault } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { Outcome } from '../door/index.ts'
import type { RoundTrip, UndecidedIdentity } from '../round-trips/index.ts'

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

/** Records an answer that was refused. One that belongs to no round trip is in no diagnostics: anyone can send one. */
export const recordRefusedAnswer = (
  tools: Pick<Tools, 'db'>,
  call: Call,
  connection: UsableConnection,
  fault: FederationFault,
  { trip, identity }: { trip: RoundTrip | null; identity: ExternalIdentity | undefined },
): Promise<void> => {
  const about = { identity, userId: trip?.userId ?? null }
  const event =
    fault.fault === 'unknown_state' ? null : failedEvent(connection.id, trip?.flow ?? 'login', fault, about)
  return recordFailure(tools, call, connection, fault, about.userId, event)
}

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

/** Records that a decision about an identity was refused, which may be tried again. */
export const recordRefusedDecision = (
  tools: Pick<Tools, 'db'>,
  call: Call,
  asserted: AssertedIdentity,
  fault: FederationFault,
): Promise<void> => {
  const event = refusedDecision(call, asserted, fault)
  return recordFailure(tools, call, asserted.connection, fault, event.userId ?? null, event)
}

const recordFailure = (
  tools: Pick<Tools, 'db'>,
  call: Call,
  connection: UsableConnection,
  { fault }: FederationFault,
  userId: string | null,
  event: ConnectionEvent | null,
): Promise<void> =>
  tools.db.tx('system', async (tx) => {
    if (event) await recordConnectionEvent(tx, event, call)
    await audit(tx, call, {
      type: 'auth.login.failure',
      userId,
      username: null,
      details: {
        login_method: 'federation',
        connection_id: connection.id,
        provider: connection.provider,
        reason: fault,
      },
    })
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
