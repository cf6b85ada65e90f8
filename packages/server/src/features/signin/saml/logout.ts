/**
 * Single logout (SAML core §3.7, profiles §4.4), both ways. The identity provider ends sessions of ours by a signed request,
 * which is accepted once; signing out here sends it a request in turn. That ends nothing here, which was done before: its answer
 * says whether the provider has ended its session.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { QUESTION_COOKIE, SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import {
  attributeOf,
  childrenOf,
  escapeXml,
  onlyChild,
  type XmlElement,
  xmlText,
} from '../../../base/xml/index.ts'
import { findConnection, samlAddressesOf, type UsableConnection } from '../../../core/connections/index.ts'
import { CLOCK_SKEW } from '../../../core/providers/diagnostics.ts'
import { FederationFault, type ProviderSessions } from '../../../core/providers/index.ts'
import { NAME_ID_FORMATS, SAML } from '../../../core/saml/names.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { endAttempts } from '../attempts/index.ts'
import { logouts, newState, questions } from '../round-trips/index.ts'
import { assertAnswers, assertIssued, assertIssuer, assertWithin, readNameId, xmlTime } from './assertion.ts'
import { asFault, assertSignaturePlaces, decodeBase64, hasSignature, readMessage } from './canon.ts'
import {
  findSigningKey,
  inflateMessage,
  newMessageId,
  type OutgoingMessage,
  readSignedQuery,
  type SentMessage,
  sendMessage,
} from './requests.ts'
import { assertSuccess, type SamlTools, verify } from './response.ts'
import { findSamlSession, selectSessionsNamed, takeMessage } from './sql.ts'

/** The age that a logout request may have, and how long its id is remembered at least. */
const MAX_AGE = 5 * 60_000

/** A message as it was received: by POST, or by Redirect as the whole query, which is what was signed. */
export type ReceivedLogout = { message: string; relayState: string | null } | { query: string }

interface LogoutRequest {
  id: string
  relayState: string | null
  sessions: ProviderSessions
  until: Date
}

/**
 * Ends the sessions of ours that a NameID and session indexes name, and what began with them and waits for a further step or for a
 * decision; without indexes all of the NameID. Some sessions in each statement, however many there are.
 * @returns whether the session of this browser is among them
 */
async function endSamlSessions(tx: Tx, call: Call, which: ProviderSessions): Promise<boolean> {
  await questions.endOfProvider(tx, which, call.now)
  await endAttempts(tx, { providerSessions: which }, call.now)
  for (let endsOwn = false; ; ) {
    const ids = await selectSessionsNamed(tx, which, ENDED_AT_ONCE)
    if (ids.length > 0) await endSessions(tx, call, { ids, reason: 'signed_out' })
    endsOwn ||= call.session !== null && ids.includes(call.session.id)
    if (ids.length < ENDED_AT_ONCE) return endsOwn
  }
}
const ENDED_AT_ONCE = 500

/**
 * Ends what a logout request names.
 * @returns `response`: for the browser to bring; null where the provider has no address for it. `cookies`: of the browser, whose
 * user leaves: what waits in it ends in any case
 * @throws FederationFault where the request is not one of the provider, for now and for us
 */
export async function receiveLogoutRequest(
  tools: SamlTools,
  call: Call,
  connection: UsableConnection,
  received: ReceivedLogout,
): Promise<{ response: SentMessage | null; cookies: readonly CookieChange[] }> {
  let request: LogoutRequest
  try {
    request = await readLogoutRequest(tools, connection, received, call.now)
  } catch (error) {
    throw asFault(error)
  }
  const connectionId = connection.id
  const { id, until, sessions, relayState } = request
  const endsOwn = await tools.db.tx('system', async (tx) => {
    if (!(await takeMessage(tx, { connectionId, kind: 'logout', id, until })))
      throw new FederationFault('replayed', 'The logout request was used before.')
    return await endSamlSessions(tx, call, sessions)
  })
  const response = await answerLogout(tools, connection, id, relayState, call.now)
  return { response, cookies: endsOwn ? SIGNED_OUT_COOKIES : [{ name: QUESTION_COOKIE, value: null }] }
}

/** What the provider has signed of a logout message. @throws FederationFault */
async function readVerified(
  connection: UsableConnection,
  received: ReceivedLogout,
  as: OutgoingMessage['as'],
  now: Date,
): Promise<{ root: XmlElement; relayState: string | null }> {
  if ('query' in received) {
    const certificates = connection.settings.saml?.certificates ?? []
    const { message, relayState } = readSignedQuery(received.query, as, certificates, now)
    const { root } = readMessage(inflateMessage(message))
    assertSignaturePlaces(root, [root])
    return { root, relayState }
  }
  const { xml, root } = readMessage(decodeBase64(received.message))
  assertSignaturePlaces(root, [root])
  if (!hasSignature(root)) throw new FederationFault('wrong_signature', 'The logout message is not signed.')
  const signed = readMessage(Buffer.from(await verify({ xml, path: [root] }, connection, now)))
  return { root: signed.root, relayState: received.relayState }
}

/** Whether a logout message is of the provider, for us and of now. @returns its id @throws FederationFault */
function assertMessage(
  { config }: SamlTools,
  connection: UsableConnection,
  root: XmlElement,
  name: 'LogoutRequest' | 'LogoutResponse',
  now: Date,
): string {
  const { entity_id: issuer } = connection.settings.saml ?? {}
  if (!issuer) throw new FederationFault('bad_settings', 'The connection has no entity id of the provider.')
  const id = attributeOf(root, 'ID')
  const isMessage = root.name === name && root.namespace === SAML.protocol
  if (id === null || !isMessage || attributeOf(root, 'Version') !== '2.0')
    throw new FederationFault(
      'bad_answer',
      `The message is a ${root.name.slice(0, 60)}, not a ${name} of SAML 2.0.`,
    )
  const { logout } = samlAddressesOf(config, connection)
  const to = attributeOf(root, 'Destination')
  if (to !== logout)
    throw new FederationFault(
      'wrong_recipient',
      `The destination is ${to?.slice(0, 200) ?? 'missing'}, expected ${logout}.`,
    )
  assertIssuer(onlyChild(root, SAML.assertion, 'Issuer'), issuer, 'logout message')
  assertIssued(root, now, MAX_AGE)
  return id
}

async function readLogoutRequest(
  tools: SamlTools,
  connection: UsableConnection,
  received: ReceivedLogout,
  now: Date,
): Promise<LogoutRequest> {
  const { root, relayState } = await readVerified(connection, received, 'SAMLRequest', now)
  const id = assertMessage(tools, connection, root, 'LogoutRequest', now)
  assertWithin(root, now)
  const nameId = onlyChild(root, SAML.assertion, 'NameID')
  if (nameId === null)
    throw new FederationFault(
      'no_subject',
      'The logout request has no NameID; an encrypted one is not accepted.',
    )
  const until = xmlTime(root, 'NotOnOrAfter')?.getTime() ?? 0
  const { value, format, ...qualifiers } = readNameId(nameId)
  return {
    id,
    relayState,
    sessions: {
      connectionId: connection.id,
      nameId: value,
      format: format === NAME_ID_FORMATS.unspecified ? null : format,
      ...qualifiers,
      issuer: connection.settings.saml?.entity_id ?? '',
      audience: samlAddressesOf(tools.config, connection).entityId,
      sessionIndexes: childrenOf(root, SAML.protocol, 'SessionIndex').slice(0, 100).map(xmlText),
    },
    until: new Date(
      Math.max(
        now.getTime() + MAX_AGE + 2 * CLOCK_SKEW,
        Math.min(until + CLOCK_SKEW, now.getTime() + 86_400_000),
      ),
    ),
  }
}

/**
 * Takes the answer to a logout request of ours, in the browser that was sent to the provider: that its session has ended is
 * known only from an answer that it signed, to that request.
 * @param state the RelayState. @returns where the browser goes
 * @throws FederationFault where the answer does not confirm it; the request is used up, unless it is unknown
 */
export async function receiveLogoutResponse(
  tools: SamlTools,
  call: Call,
  connection: UsableConnection,
  state: string,
  received: ReceivedLogout,
): Promise<{ returnTo: string | null }> {
  const { db } = tools
  const { id, requestId, returnTo } = await logouts.use(tools, db.hot, call, state, connection.id)
  try {
    const { root, relayState } = await readVerified(connection, received, 'SAMLResponse', call.now)
    if (relayState !== state) throw new FederationFault('wrong_request', 'The RelayState was not signed.')
    assertMessage(tools, connection, root, 'LogoutResponse', call.now)
    assertAnswers(root, requestId)
    assertSuccess(onlyChild(root, SAML.protocol, 'Status'))
  } catch (error) {
    throw asFault(error)
  }
  await logouts.confirm(db.hot, id, call.now)
  return { returnTo }
}

async function answerLogout(
  tools: SamlTools,
  connection: UsableConnection,
  requestId: string,
  relayState: string | null,
  now: Date,
): Promise<SentMessage | null> {
  const {
    slo_url: url,
    slo_response_url: to = url,
    slo_binding: binding = 'redirect',
  } = connection.settings.saml ?? {}
  if (to === undefined) return null
  const { entityId } = samlAddressesOf(tools.config, connection)
  const xml = [
    `<samlp:LogoutResponse xmlns:samlp="${SAML.protocol}" xmlns:saml="${SAML.assertion}" ID="${newMessageId()}" Version="2.0" IssueInstant="${now.toISOString()}" Destination="${escapeXml(to)}" InResponseTo="${escapeXml(requestId)}">`,
    `<saml:Issuer>${escapeXml(entityId)}</saml:Issuer>`,
    '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>',
    '</samlp:LogoutResponse>',
  ].join('')
  const key = await findSigningKey(tools, connection, now)
  return sendMessage({ xml, as: 'SAMLResponse', to, binding, relayState, key })
}

/** Where a browser ends a session at its provider, after it has ended here. */
export interface ProviderLogout {
  /** What the browser brings to the provider. */
  message: SentMessage
  /** The address of this server that has it bring that. */
  url: string
  cookies: readonly CookieChange[]
}

/**
 * Begins to end a session of the provider that began one of ours, which has ended.
 * @param returnTo where the browser goes once the provider has confirmed it
 * @returns null where the session did not begin with SAML, or its provider has no single logout
 */
export async function beginProviderLogout(
  tools: SamlTools,
  call: Call,
  sessionId: string,
  returnTo: string | null,
): Promise<ProviderLogout | null> {
  const { id, state } = newState()
  const sent = await samlLogoutRequest(tools, sessionId, { relayState: state, now: call.now })
  if (sent === null) return null
  const { connectionId, requestId, message } = sent
  const cookie = await logouts.store(
    tools,
    tools.db.hot,
    call,
    { id, state },
    { connectionId, requestId, message, returnTo },
  )
  const url = `${tools.config.publicUrl}/sign-out/provider?${new URLSearchParams({ trip: state })}`
  return { message, url, cookies: cookie === null ? [] : [cookie] }
}

/**
 * The request by which a session that signed out here ends at its provider too.
 * @returns null where the session did not begin with SAML, or its provider has no single logout
 */
export async function samlLogoutRequest(
  tools: SamlTools,
  sessionId: string,
  { relayState, now }: { relayState: string | null; now: Date },
): Promise<{ connectionId: string; requestId: string; message: SentMessage } | null> {
  const session = await findSamlSession(tools.db.hot, sessionId)
  const connection = session && (await findConnection(tools.db.hot, session.connection_id))
  const { slo_url: to, slo_binding: binding = 'redirect' } = connection?.settings.saml ?? {}
  if (!session || !connection || connection.status !== 'active' || to === undefined) return null
  const { entityId } = samlAddressesOf(tools.config, connection)
  const attributes = [
    ['NameQualifier', session.name_qualifier],
    ['SPNameQualifier', session.sp_name_qualifier],
    ['Format', session.name_id_format],
  ]
    .map(([name, value]) => (value === null || value === undefined ? '' : ` ${name}="${escapeXml(value)}"`))
    .join('')
  const requestId = newMessageId()
  const xml = [
    `<samlp:LogoutRequest xmlns:samlp="${SAML.protocol}" xmlns:saml="${SAML.assertion}" ID="${requestId}" Version="2.0" IssueInstant="${now.toISOString()}" Destination="${escapeXml(to)}" NotOnOrAfter="${new Date(now.getTime() + MAX_AGE).toISOString()}">`,
    `<saml:Issuer>${escapeXml(entityId)}</saml:Issuer>`,
    `<saml:NameID${attributes}>${escapeXml(session.name_id)}</saml:NameID>`,
    session.session_index === null
      ? ''
      : `<samlp:SessionIndex>${escapeXml(session.session_index)}</samlp:SessionIndex>`,
    '</samlp:LogoutRequest>',
  ].join('')
  const key = await findSigningKey(tools, connection, now)
  const message = await sendMessage({ xml, as: 'SAMLRequest', to, binding, relayState, key })
  return { connectionId: connection.id, requestId, message }
}
