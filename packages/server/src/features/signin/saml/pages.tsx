/** The faces of SAML besides the sign-in: our metadata, and single logout by both bindings. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { type CookieChange, type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { failedEvent, recordConnectionEvent } from '../../../core/connection-events.ts'
import {
  DEFAULT_SAML,
  findConnectionNamed,
  samlAddressesOf,
  type UsableConnection,
} from '../../../core/connections/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { ensureConnectionKeys, writeSpMetadata } from '../../../core/saml/index.ts'
import { publishedKeysOf } from '../../../core/saml/keys.ts'
import { logouts, postedAnswers } from '../round-trips/index.ts'
import { MAX_ENCODED_LENGTH } from './canon.ts'
import {
  type ProviderLogout,
  type ReceivedLogout,
  receiveLogoutRequest,
  receiveLogoutResponse,
} from './logout.ts'
import { samlOperations } from './operations.ts'
import type { SentMessage } from './requests.ts'
import type { SamlTools } from './response.ts'
import { samlText as t } from './texts.ts'
import { SendMessage } from './views.tsx'

/** SAML metadata, appendix A. */
const METADATA_TYPE = 'application/samlmetadata+xml; charset=utf-8'
/** A message in base64, and what surrounds it in a form. */
const MESSAGE_BODY = 420_000

const Slug = z.string().max(60)
const Message = z.string().max(MAX_ENCODED_LENGTH).optional()
const RelayState = z.string().max(1000).optional()

/** The answer that brings a message to the identity provider, with a page where the browser has to post it. */
const messageAnswer = (call: Pick<Call, 'locale'>, sent: SentMessage): PageAnswer =>
  'url' in sent ? { redirect: sent.url } : messagePage(call, sent, 'send.lead')

/**
 * The same as a page in every case: the answer to a form of ours. Chromium applies the form-action of the page with that form
 * to redirects after it, and that page does not know the provider.
 */
function messagePage(
  { locale }: Pick<Call, 'locale'>,
  sent: SentMessage,
  lead: 'send.lead' | 'send.signed_out',
): PageAnswer {
  const url = new URL('url' in sent ? sent.url : sent.post.action)
  const fields = 'url' in sent ? [...url.searchParams] : Object.entries(sent.post.fields)
  if ('url' in sent) url.search = ''
  const method = 'url' in sent ? 'get' : 'post'
  return {
    page: <SendMessage action={url.href} method={method} fields={fields} lead={lead} />,
    title: t(locale, 'send.title'),
    formTargets: [url.origin],
  }
}

/** The page by which a browser that is signed out here ends the session at its provider. */
export const signedOutPage = (
  call: Pick<Call, 'locale'>,
  { message, cookies }: Pick<ProviderLogout, 'message' | 'cookies'>,
): PageAnswer & { cookies: CookieChange[] } => ({
  ...messagePage(call, message, 'send.signed_out'),
  cookies: [...cookies],
})

const unknownConnection = (): Problem =>
  problem('NOT_FOUND', { message: 'There is no active SAML connection of this name.' })

/** @throws Problem NOT_FOUND */
async function getSamlConnection({ db }: SamlTools, slug: string): Promise<UsableConnection> {
  const connection = await findConnectionNamed(db.hot, slug)
  if (connection?.provider !== 'saml') throw unknownConnection()
  return connection
}

async function metadataAnswer(tools: SamlTools, { now }: Call, slug: string): Promise<PageAnswer> {
  const connection = await getSamlConnection(tools, slug)
  const keys = publishedKeysOf(await ensureConnectionKeys(tools, connection, now))
  const { name_id: nameId = 'persistent', signs_requests: signsRequests = false } =
    connection.settings.saml ?? {}
  const document = writeSpMetadata(samlAddressesOf(tools.config, connection), keys, { nameId, signsRequests })
  return { document, contentSecurityPolicy: "default-src 'none'", type: METADATA_TYPE }
}

const SIGNED_OUT = '/sign-out'

/** A request ends sessions. @throws Problem NOT_FOUND, VALIDATION_ERROR */
async function requestAnswer(
  tools: SamlTools,
  call: Call,
  slug: string,
  received: ReceivedLogout,
): Promise<PageAnswer> {
  const connection = await getSamlConnection(tools, slug)
  if (connection.status !== 'active') throw unknownConnection()
  try {
    const { response, cookies } = await receiveLogoutRequest(tools, call, connection, received)
    const answer = response === null ? { redirect: SIGNED_OUT } : messageAnswer(call, response)
    return { ...answer, cookies }
  } catch (error) {
    if (!(error instanceof FederationFault)) throw error
    await recordConnectionEvent(tools.db.hot, failedEvent(connection.id, 'logout', error), call)
    throw problem('VALIDATION_ERROR', { message: t(call.locale, 'logout.refused') })
  }
}

/**
 * The answer to a request of ours. The browser is signed out here in any case; where the provider has not confirmed that its
 * session ended, the page says so.
 */
async function responseAnswer(
  tools: SamlTools,
  call: Call,
  slug: string,
  state: string,
  received: ReceivedLogout | null,
): Promise<PageAnswer> {
  const connection = await getSamlConnection(tools, slug)
  if (received === null) return { redirect: SIGNED_OUT }
  try {
    const { returnTo } = await receiveLogoutResponse(tools, call, connection, state, received)
    return { redirect: returnTo ?? SIGNED_OUT }
  } catch (error) {
    if (!(error instanceof FederationFault)) throw error
    // one that belongs to no request is in no diagnostics: anyone can send it
    if (error.fault !== 'unknown_state')
      await recordConnectionEvent(tools.db.hot, failedEvent(connection.id, 'logout', error), call)
    return { redirect: SIGNED_OUT }
  }
}

/** Stores the answer of a provider that posts it, without our cookies (SameSite=Lax), until the browser comes for it. */
async function postedAnswer(
  tools: SamlTools,
  { now }: Call,
  slug: string,
  { state, message }: { state: string; message: string },
): Promise<PageAnswer> {
  const { id } = await getSamlConnection(tools, slug)
  const answer = { SAMLResponse: message, RelayState: state }
  const isStored = await postedAnswers.store(tools, tools.db.hot, state, id, answer, now)
  const resume = `/saml/${encodeURIComponent(slug)}/logout?${new URLSearchParams({ resume: state })}`
  return { redirect: isStored ? resume : SIGNED_OUT }
}

/** What was stored. */
async function findPosted(tools: SamlTools, state: string): Promise<ReceivedLogout | null> {
  const { SAMLResponse: message, RelayState: relayState = null } =
    (await postedAnswers.find(tools, tools.db.hot, state)) ?? {}
  return message === undefined ? null : { message, relayState }
}

export const samlPages = (tools: SamlTools): Row[] => [
  page({
    of: samlOperations.metadata,
    method: 'GET',
    path: '/saml/metadata',
    name: 'saml.metadata.default',
    description: 'Of the server’s connection with the slug `saml`.',
    input: z.object({}),
    run: (call) => metadataAnswer(tools, call, DEFAULT_SAML),
  }),
  page({
    of: samlOperations.metadata,
    method: 'GET',
    path: '/saml/:connection/metadata',
    input: z.object({ connection: Slug }),
    run: (call, { connection }) => metadataAnswer(tools, call, connection),
  }),
  page({
    of: samlOperations.logout,
    method: 'GET',
    path: '/saml/:connection/logout',
    rawQuery: true,
    input: z.object({
      connection: Slug,
      raw_query: z.string().max(65_536),
      SAMLRequest: Message,
      SAMLResponse: Message,
      RelayState,
      /** The state of an answer that was posted, for which the browser comes. */
      resume: RelayState,
    }),
    async run(call, { connection, raw_query: query, SAMLRequest, SAMLResponse, RelayState: state, resume }) {
      if (SAMLRequest !== undefined) return await requestAnswer(tools, call, connection, { query })
      if (resume !== undefined)
        return await responseAnswer(tools, call, connection, resume, await findPosted(tools, resume))
      const received = SAMLResponse === undefined ? null : { query }
      return await responseAnswer(tools, call, connection, state ?? '', received)
    },
  }),
  page({
    of: samlOperations.logoutByPost,
    method: 'POST',
    path: '/saml/:connection/logout',
    crossSite: 'the identity provider posts its message through the browser',
    bodyLimit: MESSAGE_BODY,
    input: z.object({ connection: Slug, SAMLRequest: Message, SAMLResponse: Message, RelayState }),
    async run(call, { connection, SAMLRequest, SAMLResponse, RelayState: relayState = null }) {
      if (SAMLRequest !== undefined)
        return await requestAnswer(tools, call, connection, { message: SAMLRequest, relayState })
      const answer = { state: relayState ?? '', message: SAMLResponse ?? '' }
      return await postedAnswer(tools, call, connection, answer)
    },
  }),
  page({
    of: samlOperations.sendLogout,
    method: 'GET',
    path: '/sign-out/provider',
    input: z.object({ trip: z.string().max(128).optional() }),
    async run(call, { trip = '' }) {
      const found = await logouts.open(tools, tools.db.hot, call, trip)
      return found === null
        ? { redirect: SIGNED_OUT }
        : signedOutPage(call, { message: found.message, cookies: [found.cookie] })
    },
  }),
]
