/**
 * A sign-in by an identity provider, in two requests: sending the browser there, and taking what it brings back. An answer
 * costs one statement that uses up its round trip, the provider's own answers, and one transaction.
 */
import type { Call } from '../../../base/call.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { audit } from '../../../core/audit/index.ts'
import { type ConnectionEvent, failedEvent, recordConnectionEvent } from '../../../core/connection-events.ts'
import {
  callbackUrlOf,
  findConnectionNamed,
  samlAddressesOf,
  type UsableConnection,
} from '../../../core/connections/index.ts'
import { CLOCK_SKEW, spellSpan } from '../../../core/providers/diagnostics.ts'
import {
  type ExternalIdentity,
  FederationFault,
  type ProviderFault,
  providerOf,
} from '../../../core/providers/index.ts'
import { concludeTest, newState, type RoundTrip, storeRoundTrip, useRoundTrip } from '../round-trips/index.ts'
import { type Accounts, type FederationTools, resolveIdentity } from './identities.ts'
import { type AssertedIdentity, asFederationFault, type Resolution, refusedDecision } from './linking.ts'
import type { Protocol } from './protocols.ts'

/** The protocols by their kind, and what is known of organizations' domains. */
export interface Federation {
  accounts: Accounts
  protocols: Readonly<Record<'oidc' | 'oauth2' | 'saml', Protocol>>
  /** A check whether an address is of a domain that the connection's organization has proven, and it speaks for. */
  ownDomains(connection: UsableConnection): Promise<(address: string) => boolean>
}

export interface Beginning {
  flow: RoundTrip['flow']
  after: RoundTrip['after']
  /** Of a link: who asks. */
  userId?: string | null
  sessionId?: string | null
  fresh?: boolean
  loginHint?: string | null
}

export const protocolOf = ({ protocols }: Federation, { provider }: UsableConnection): Protocol =>
  protocols[providerOf(provider).kind]

/** Where the provider of a connection sends its answer; registered there. */
export const answerUrlOf = (config: FederationTools['config'], connection: UsableConnection): string =>
  providerOf(connection.provider).kind === 'saml'
    ? samlAddressesOf(config, connection).acs
    : callbackUrlOf(config, connection)

/** The provider, rather than anything else, was not found. */
export const notOffered = (): Problem =>
  problem('NOT_FOUND', {
    message: 'This server does not offer signing in with this provider.',
    details: { reason: 'not_offered' satisfies ProviderFault },
  })

/** The connection of a path, which is active. @throws Problem NOT_FOUND */
export async function getOfferedConnection(
  tools: Pick<FederationTools, 'db'>,
  slug: string,
): Promise<UsableConnection> {
  const connection = await findConnectionNamed(tools.db.hot, slug)
  if (connection?.status === 'active') return connection
  throw notOffered()
}

/**
 * Stores what the answer is checked against. @returns where the browser goes
 * @throws FederationFault where no request can be made, which is in the diagnostics
 */
export async function askProvider(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  connection: UsableConnection,
  { flow, after, userId = null, sessionId = null, fresh = false, loginHint = null }: Beginning,
): Promise<{ url: string; state: string; cookie: CookieChange }> {
  const { id, state } = newState()
  const request = { state, callbackUrl: answerUrlOf(tools.config, connection), fresh, loginHint }
  const asked = await protocolOf(federation, connection)
    .ask(connection, request)
    .catch(async (error: unknown) => {
      if (error instanceof FederationFault)
        await recordConnectionEvent(tools.db.hot, failedEvent(connection.id, flow, error), call)
      throw error
    })
  const cookie = await storeRoundTrip(
    tools,
    tools.db.hot,
    call,
    { id, state },
    {
      connectionId: connection.id,
      flow,
      after,
      expected: asked.expected,
      form: asked.form && { url: asked.url, fields: asked.form },
      userId,
      sessionId,
    },
  )
  // a form is sent by a page of ours
  const url = asked.form ? `${tools.config.publicUrl}/sign-in/provider?trip=${id}` : asked.url
  return { url, state, cookie }
}

/** What an answer has led to. `trip`: null where the answer belongs to none. */
export type AnswerResult =
  | { trip: RoundTrip; identity: ExternalIdentity; resolved: Resolution }
  /** A test, which signs in no user: where its outcome is shown. */
  | { trip: RoundTrip; tested: string }
  | { trip: RoundTrip | null; fault: FederationFault }

/**
 * Takes the answer of a provider. What is refused is returned, and is in the diagnostics of the connection and in the audit
 * log.
 */
export async function answerProvider(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  connection: UsableConnection,
  { state, params }: { state: string; params: Readonly<Record<string, string>> },
): Promise<AnswerResult> {
  let trip: RoundTrip | null = null
  let identity: ExternalIdentity | undefined
  try {
    const answered = await useRoundTrip(tools, tools.db.hot, call, state, connection.id)
    trip = answered.trip
    if (trip.flow !== 'test' && connection.status !== 'active') throw new FederationFault('not_offered')
    const isOwnDomain = await federation.ownDomains(connection)
    const read = await protocolOf(federation, connection).read(connection, {
      params,
      expected: answered.expected,
      callbackUrl: answerUrlOf(tools.config, connection),
      now: call.now,
      isOwnDomain,
    })
    identity = withinReach(connection, read, isOwnDomain)
    if (trip.flow === 'continue') assertFresh(trip, identity)
    if (trip.flow === 'test') {
      const tested = await concludeTest(tools, call, trip, { identity })
      return { trip, tested }
    }
    const asserted = {
      connection,
      trip,
      identity,
      isOwnDomain: identity.email !== null && isOwnDomain(identity.email),
    }
    const resolved = await resolveIdentity(tools, federation.accounts, call, asserted)
    return { trip, identity, resolved }
  } catch (error) {
    const fault = asFederationFault(error)
    if (trip?.flow === 'test' && error === fault)
      return {
        trip,
        tested: await concludeTest(tools, call, trip, { fault: fault.fault, detail: fault.detail }),
      }
    await recordRefusedAnswer(tools, call, connection, fault, { trip, identity })
    return { trip, fault }
  }
}

/**
 * The owner of an organization's connection can name the provider that answers, and so what it says of any address: its
 * word verifies the addresses of the organization's own domains, and no others.
 */
function withinReach(
  { organizationId }: UsableConnection,
  identity: ExternalIdentity,
  isOwnDomain: (email: string) => boolean,
): ExternalIdentity {
  const isWithin = organizationId === null || (identity.email !== null && isOwnDomain(identity.email))
  return isWithin ? identity : { ...identity, emailVerified: false }
}

/**
 * What continues a sign-in or a step-up is proven now (OpenID Connect Core §3.1.2.1 `max_age`, SAML core §3.4.1 ForceAuthn): a
 * provider that says that its user signed in before has not asked them. One that does not say when is believed.
 */
function assertFresh({ createdAt }: RoundTrip, { authenticatedAt }: ExternalIdentity): void {
  const age = authenticatedAt === null ? 0 : createdAt.getTime() - authenticatedAt.getTime()
  if (age > CLOCK_SKEW)
    throw new FederationFault(
      'wrong_time',
      `the provider did not ask the user, who had signed in there ${spellSpan(age)} before`,
    )
}

/** Records an answer that was refused. One that belongs to no round trip is in no diagnostics: anyone can send one. */
const recordRefusedAnswer = (
  tools: Pick<FederationTools, 'db' | 'counts'>,
  call: Call,
  connection: UsableConnection,
  fault: FederationFault,
  { trip, identity }: { trip: RoundTrip | null; identity: ExternalIdentity | undefined },
): Promise<void> => {
  const about = { identity, userId: trip?.userId ?? null }
  const flow = trip?.flow ?? 'login'
  countRefusal(tools, flow, fault)
  const event = fault.fault === 'unknown_state' ? null : failedEvent(connection.id, flow, fault, about)
  return recordFailure(tools, call, connection, fault, about.userId, event)
}

/** Records that a decision about an identity was refused, which may be tried again. */
export const recordRefusedDecision = (
  tools: Pick<FederationTools, 'db' | 'counts'>,
  call: Call,
  asserted: AssertedIdentity,
  fault: FederationFault,
): Promise<void> => {
  countRefusal(tools, asserted.trip.flow, fault)
  const event = refusedDecision(call, asserted, fault)
  return recordFailure(tools, call, asserted.connection, fault, event.userId ?? null, event)
}

/** What the door has not seen: an answer that is refused before. An identity that is connected is no sign-in. */
function countRefusal(
  { counts }: Pick<FederationTools, 'counts'>,
  flow: RoundTrip['flow'],
  { fault: reason }: FederationFault,
): void {
  if (flow !== 'login' && flow !== 'register' && flow !== 'continue') return
  const counter = flow === 'continue' ? counts.furtherProofs : counts.signIns
  counter({ method: 'federation', outcome: 'refused', reason }).add()
}

const recordFailure = (
  tools: Pick<FederationTools, 'db'>,
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
