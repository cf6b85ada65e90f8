/** The authorization endpoint (RFC 6749 §3.1), its answer to a POST, and the page on which a user allows what an app asks for. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { isReferenceLost } from '../../../base/db/faults.ts'
import { type CookieChange, type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { audit } from '../../../core/audit/index.ts'
import { type Client, matchesRedirect, shownLogo } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { ClientDocuments } from '../client-registration/index.ts'
import {
  isUnprovenApp,
  ownerNameOf,
  resourceScopesOf,
  type ShownQuestion,
  sealOf,
  wasShown,
} from '../consents/index.ts'
import { accountOf } from '../scopes/index.ts'
import { answerApp } from './answers.ts'
import { type CheckTools, checkRequest } from './checks.ts'
import { type AskForConsent, type DecideTools, decide, type Underway } from './decide.ts'
import { authorizeOperations } from './operations.ts'
import {
  type AppRequest,
  AuthorizationParameters,
  type PageReason,
  RefusedOnPage,
  RefusedToApp,
} from './request.ts'
import { useRequest } from './sql.ts'
import { AUTHORIZE_PATH, CONSENT_PATH, continuedAt, isReference, openStored, storeUnbound } from './stored.ts'
import { REQUEST_SECTIONS, authorizeText as t } from './texts.ts'
import { Consent, type ConsentProps, consentWords, RequestRefused } from './views.tsx'

export type AuthorizeTools = Tools &
  DecideTools &
  Pick<CheckTools, 'readHint'> & { documents: ClientDocuments }

export function authorizePages(tools: AuthorizeTools): Row[] {
  return [
    page({
      of: authorizeOperations.authorize,
      name: 'pages.oidc.authorize',
      method: 'GET',
      path: AUTHORIZE_PATH,
      description: 'The authorization endpoint: an app sends the browser here.',
      repeats: ['resource'],
      input: AuthorizationParameters,
      run: (call, input) => authorize(tools, call, input),
    }),
    page({
      of: authorizeOperations.authorize,
      name: 'pages.oidc.authorize.posted',
      method: 'POST',
      path: AUTHORIZE_PATH,
      crossSite: 'an app may send its request as a form (OpenID Connect Core §3.1.2.1)',
      repeats: ['resource'],
      input: AuthorizationParameters,
      run: async (call, input) => {
        const { client_id: clientId, redirect_uri: redirectUri, request_uri: reference } = input
        if (isReference(reference)) return { redirect: continuedAt(clientId ?? '', reference) }
        const fault = await tools.documents.refresh(call, clientId)
        if (fault !== null) return refusedPage(call, new RefusedOnPage('unusable_document', fault))
        const client = clientId === undefined ? null : await tools.clients.find(clientId)
        if (client === null) return refusedPage(call, new RefusedOnPage('unknown_app'))
        if (redirectUri === undefined || !matchesRedirect(client.settings, redirectUri))
          return refusedPage(
            call,
            new RefusedOnPage(redirectUri === undefined ? 'no_address' : 'unknown_address'),
          )
        // the cookies of the browser are not there: the GET that follows binds it
        const path = await storeUnbound(tools, call, { ...input, client_id: client.id })
        return { redirect: path }
      },
    }),
    page({
      of: authorizeOperations.authorize,
      name: 'pages.oidc.consent.form',
      method: 'GET',
      path: CONSENT_PATH,
      description: 'The question to the user, of a request that is stored.',
      input: ContinuedRequest,
      run: (call, input) => proceed(tools, call, input, { ask: consentPage(tools) }),
    }),
    page({
      of: authorizeOperations.decide,
      name: 'pages.oidc.consent',
      method: 'POST',
      path: CONSENT_PATH,
      formAt: CONSENT_PATH,
      input: ContinuedRequest.extend({
        decision: z.enum(['allow', 'deny']),
        shown: z.string().max(100).optional(),
      }),
      run: (call, { decision, shown, ...input }) =>
        proceed(tools, call, input, { answer: decision === 'allow' ? 'allowed' : 'denied', shown }),
    }),
  ]
}

/** A stored request, as the user's browser names it; a page that is opened by hand names none. */
const ContinuedRequest = z.object({
  client_id: z.string().max(2000).optional(),
  request_uri: z.string().max(200).optional(),
})

type UserAnswer = 'allowed' | 'denied' | null

/** The same for a request that is stored, at its page. */
const proceed: typeof authorize = async (tools, call, input, more) =>
  isReference(input.request_uri)
    ? await authorize(tools, call, input, more)
    : refusedPage(call, new RefusedOnPage('expired'))

async function authorize(
  tools: AuthorizeTools,
  call: Call,
  input: AuthorizationParameters,
  {
    answer = null,
    shown,
    ask = toQuestion,
  }: { answer?: UserAnswer; shown?: string | undefined; ask?: AskForConsent } = {},
): Promise<PageAnswer> {
  let cookies: readonly CookieChange[] = []
  try {
    const opened = isReference(input.request_uri) ? await openStored(tools, call, input) : null
    cookies = opened?.cookies ?? []
    const stored = opened?.stored ?? null
    const sent = stored?.parameters ?? input
    const fault = await tools.documents.refresh(call, sent.client_id)
    if (fault !== null) throw new RefusedOnPage('unusable_document', fault)
    const facts = { now: call.now, isPushed: stored?.is_pushed ?? false }
    const request = await checkRequest(tools, sent, facts)
    const underway: Underway = { request, sent, stored, reference: input.request_uri ?? null, cookies }
    if (answer === 'denied') return await deny(tools, call, underway)
    const question = questionOf(call, underway)
    const isAllowed = answer === 'allowed' && question !== null && wasShown(tools.keyring, question, shown)
    return await decide(tools, call, underway, { isAllowed, ask })
  } catch (error) {
    if (error instanceof RefusedOnPage) return refusedPage(call, error)
    // the app was deleted after it was found
    if (isReferenceLost(error, 'client_id')) return refusedPage(call, new RefusedOnPage('unknown_app'))
    if (!(error instanceof RefusedToApp)) throw error
    const fields = { error: error.error, error_description: error.message }
    return answerApp(tools.config.publicUrl, error.recipient, fields, { cookies, locale: call.locale })
  }
}

/** What the question of the request shows to who is signed in. */
function questionOf({ principal }: Call, { request, reference }: Underway): ShownQuestion | null {
  const { client, redirectUri, consentScopes: scopes, resources } = request
  const userId = principal?.userId
  return userId === undefined
    ? null
    : { userId, reference: reference ?? '', client, redirectUri, scopes, resources }
}

async function deny(tools: AuthorizeTools, call: Call, { request, stored }: Underway): Promise<never> {
  const { userId = null, username = null } = call.principal ?? {}
  const details = { client: request.client.id }
  await tools.db.tx('system', async (tx) => {
    if (stored !== null && !(await useRequest(tx, stored.hash, call.now))) throw new RefusedOnPage('expired')
    await audit(tx, call, { type: 'oidc.denied', userId, username, details })
  })
  throw new RefusedToApp(request, 'access_denied', 'The user has not allowed it.')
}

const toQuestion: AskForConsent = async (_call, { request, reference, cookies }) => ({
  redirect: continuedAt(request.client.id, reference ?? '', CONSENT_PATH),
  cookies,
})

const consentPage =
  (tools: AuthorizeTools): AskForConsent =>
  async (call, underway) => {
    const { request, reference, cookies } = underway
    const question = questionOf(call, underway)
    const { client, redirectUri, consentScopes: scopes, resources } = request
    const organization = await ownerNameOf(tools.db.hot, client)
    const account = await accountOf(tools.db.hot, call.principal)
    const { host, protocol } = new URL(redirectUri)
    const isUnproven = isUnprovenApp({ client, redirectUri })
    const isSelection = isAccountChoice(request) && !isUnproven
    return {
      page: (
        <Consent
          isSelection={isSelection}
          isFirstParty={client.settings.first_party}
          app={client.name}
          logo={shownLogo(client.settings, client.source)}
          source={sourceOf(client)}
          organization={organization}
          account={account}
          host={host || protocol.slice(0, -1)}
          isUnproven={isUnproven}
          scopes={scopes}
          resourceScopes={resourceScopesOf(resources, scopes)}
          policyUri={client.settings.policy_uri}
          termsUri={client.settings.tos_uri}
          reference={reference ?? ''}
          shown={question === null ? '' : sealOf(tools.keyring, question)}
          clientId={client.id}
          path={continuedAt(client.id, reference ?? '')}
        />
      ),
      title: t(call.locale, consentWords(isSelection).title, { app: client.name }),
      cookies,
    }
  }

/** Whether the app wants the account to be chosen, and does not ask for the consent as well. */
const isAccountChoice = ({ prompts }: AppRequest): boolean =>
  prompts.has('select_account') && !prompts.has('consent')

/** What users learn of an app that only it has said who it is. */
const sourceOf = ({ id, source }: Client): ConsentProps['source'] =>
  source === 'document' ? { host: new URL(id).host } : source === 'registration' ? 'itself' : 'known'

/** The error of RFC 6749 that each reason would be; null where developers cannot help. */
const CODES: Readonly<Record<PageReason, string | null>> = {
  unknown_app: 'invalid_request (client_id)',
  unusable_document: 'invalid_client_metadata',
  unknown_address: 'invalid_request (redirect_uri)',
  no_address: 'invalid_request (redirect_uri)',
  malformed: 'invalid_request',
  expired: null,
  other_browser: null,
}

function refusedPage({ locale }: Call, { reason, message }: RefusedOnPage): PageAnswer {
  const isOver = reason === 'expired' || reason === 'other_browser'
  const title = t(locale, isOver ? 'expired.title' : 'refused.title')
  const lead = isOver ? t(locale, `${reason}.lead`) : t(locale, `refused.${reason}`)
  const error =
    reason === 'unusable_document' ? `${CODES[reason]}: ${message.replace(/\.$/, '')}` : CODES[reason]
  return {
    page: <RequestRefused title={title} lead={lead} error={error} documented={REQUEST_SECTIONS[reason]} />,
    title,
    status: 400,
  }
}
