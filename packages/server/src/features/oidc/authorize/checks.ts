/**
 * The checks of an authorization request, in their order, as a table. Until the app and its address are known, a fault is shown on
 * a page, and no redirect is made (RFC 6749 §4.1.2.1, §10.15); after that the app learns of it. Pure but for looking the app and its
 * resources up: nothing depends on who is signed in.
 */
import { ACRS, type Acr } from '../../../base/assurance.ts'
import type { Db } from '../../../base/db/types.ts'
import { asQuotedValue } from '../../../base/quoted.ts'
import { type Client, type Clients, isUsableClient, matchesRedirect } from '../../../core/clients/index.ts'
import { hasSubjects, userOfSubject } from '../../../core/subjects/index.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'
import { allowedScopes, getRequestedResources, getRequestedScopes } from '../admission/index.ts'
import { KNOWN_CLAIMS, scopeOfClaim, wordsOf } from '../scopes/index.ts'
import type { AuthorizationParameters } from './request.ts'
import {
  type AppRequest,
  type AuthorizationError,
  type PageReason,
  PROMPTS,
  type Prompt,
  RESPONSE_MODES,
  type Recipient,
  RefusedOnPage,
  RefusedToApp,
  type ResponseMode,
} from './request.ts'

export interface CheckTools {
  clients: Clients
  db: Pick<Db, 'hot'>
  /** The user of an ID token of ours that was issued to the app; null for any other text. */
  readHint(idToken: string, client: Client): Promise<string | null>
}

export interface CheckFacts {
  now: Date
  /** Whether the app itself has sent the request (RFC 9126). */
  isPushed: boolean
}

/** @throws RefusedOnPage, RefusedToApp */
export async function checkRequest(
  tools: CheckTools,
  sent: AuthorizationParameters,
  facts: CheckFacts,
): Promise<AppRequest> {
  const client = await getUsableClient(tools.clients, sent.client_id, facts.now)
  const recipient: Recipient = {
    client,
    redirectUri: redirectOf(client, sent.redirect_uri),
    mode: 'query',
    state: sent.state ?? null,
  }
  const to = { ...recipient, mode: modeOf(recipient, sent.response_mode) }
  const refuse: Refuse = (error, description) => {
    throw new RefusedToApp(to, error, description)
  }
  for (const check of CHECKS) check({ sent, client, to, refuse, facts })
  const resources = await getRequestedResources(tools.clients, { sent, client, refuse })
  const prompts = promptsOf(sent, refuse)
  const hintedUser =
    sent.id_token_hint === undefined ? null : await tools.readHint(sent.id_token_hint, client)
  if (sent.id_token_hint !== undefined && hintedUser === null)
    refuse('invalid_request', 'The id_token_hint is no ID token of this server for this app.')
  const claims = claimsOf(sent, client, refuse)
  // one that the app knows no user by is no user's
  const subject =
    claims.subject === null ? null : ((await userOfSubject(tools.db.hot, client, claims.subject)) ?? '')
  if (hintedUser !== null && subject !== null && subject !== hintedUser)
    refuse('invalid_request', 'The id_token_hint is of another user than the parameter claims.')
  const scopes = getRequestedScopes(sent, client, resources, refuse)
  return {
    ...to,
    scopes,
    consentScopes: [...new Set([...scopes, ...claims.scopes])],
    resources,
    prompts,
    maxAge: maxAgeOf(sent, client, refuse),
    acr: highest([client.settings.required_acr, claims.essentialAcr]),
    preferredAcr: highest(wordsOf(sent.acr_values)),
    nonce: sent.nonce ?? null,
    loginHint: sent.login_hint?.slice(0, 320) ?? null,
    hintedUser: hintedUser ?? subject,
    claims: claims.requested,
    challenge: sent.code_challenge ?? null,
    dpopJkt: sent.dpop_jkt ?? null,
  }
}

type Refuse = (error: AuthorizationError, description: string) => never

interface CheckContext {
  sent: AuthorizationParameters
  client: Client
  to: Recipient
  refuse: Refuse
  facts: CheckFacts
}

const onPage = (reason: PageReason): never => {
  throw new RefusedOnPage(reason)
}

async function getUsableClient(clients: Clients, id: string | undefined, now: Date): Promise<Client> {
  const client = id === undefined ? null : await clients.find(id)
  return client !== null && isUsableClient(client, now) ? client : onPage('unknown_app')
}

/** RFC 6749 §3.1.2.3, RFC 8252 §7.3 */
function redirectOf({ settings }: Client, sent: string | undefined): string {
  if (sent === undefined) return onPage('no_address')
  return matchesRedirect(settings, sent) ? sent : onPage('unknown_address')
}

function modeOf(to: Recipient, sent: string | undefined): ResponseMode {
  if (sent === undefined) return 'query'
  const mode = RESPONSE_MODES.find((one) => one === sent)
  const isWeb = /^https?:/.test(to.redirectUri)
  if (mode === undefined || (mode === 'form_post' && !isWeb))
    throw new RefusedToApp(
      to,
      'invalid_request',
      `The response_mode has to be ${isWeb ? RESPONSE_MODES.join(' or ') : 'query'}.`,
    )
  return mode
}

/** RFC 7636 §4.2: the base64url of a SHA-256. */
const DIGEST = /^[A-Za-z0-9_-]{43}$/

/** Each in its order; the first that refuses answers. */
const CHECKS: readonly ((checked: CheckContext) => void)[] = [
  ({ sent, refuse }) => {
    if (sent.response_type === undefined) refuse('invalid_request', 'The parameter response_type is missing.')
    if (sent.response_type !== 'code')
      refuse('unsupported_response_type', 'The response_type code is the only one that is supported.')
  },
  ({ client, refuse }) => {
    if (!client.settings.grant_types.includes('authorization_code'))
      refuse('unauthorized_client', 'The app is not registered for the authorization code grant.')
    if (!hasSubjects(client))
      refuse('unauthorized_client', 'Pairwise subjects need https redirect URIs of one host.')
  },
  // OpenID Connect Core §6
  ({ sent, refuse }) => {
    if (sent.request !== undefined) refuse('request_not_supported', 'Request objects are not supported.')
    if (sent.request_uri !== undefined)
      refuse('request_uri_not_supported', 'The request_uri is not one of a pushed request.')
    if (sent.registration !== undefined)
      refuse('registration_not_supported', 'The parameter registration is not supported.')
  },
  // RFC 9126 §6
  ({ client, facts, refuse }) => {
    if (client.settings.require_pushed_authorization_requests && !facts.isPushed)
      refuse('invalid_request', 'The app is registered to push its authorization requests.')
  },
  // RFC 7636 §4.3; RFC 9700 §2.1.1
  ({ sent, client, refuse }) => {
    const { code_challenge: challenge, code_challenge_method: method } = sent
    const isPublic = client.settings.token_endpoint_auth_method === 'none'
    if (challenge === undefined) {
      if (method !== undefined) refuse('invalid_request', 'A code_challenge_method without a code_challenge.')
      if (client.settings.require_pkce || isPublic)
        refuse('invalid_request', 'The parameter code_challenge is missing (PKCE, RFC 7636).')
      return
    }
    if (method !== 'S256') refuse('invalid_request', 'The code_challenge_method has to be S256.')
    if (!DIGEST.test(challenge))
      refuse('invalid_request', 'The code_challenge is not the base64url of a SHA-256.')
  },
  ({ sent, refuse }) => {
    if (sent.nonce !== undefined && sent.nonce.length > 1000)
      refuse('invalid_request', 'The nonce has more than 1,000 characters.')
    // RFC 9449 §10
    if (sent.dpop_jkt !== undefined && !DIGEST.test(sent.dpop_jkt))
      refuse('invalid_request', 'The dpop_jkt is not the base64url of a SHA-256.')
  },
]

/** OpenID Connect Core §3.1.2.1 */
function promptsOf({ prompt }: AuthorizationParameters, refuse: Refuse): ReadonlySet<Prompt> {
  const prompts = new Set<Prompt>()
  for (const word of wordsOf(prompt)) {
    const known = PROMPTS.find((one) => one === word)
    prompts.add(
      known ??
        refuse('invalid_request', `The prompt ${asQuotedValue(word)} is none of ${PROMPTS.join(', ')}.`),
    )
  }
  if (prompts.has('none') && prompts.size > 1)
    refuse('invalid_request', 'The prompt none does not go with others.')
  return prompts
}

function maxAgeOf({ max_age: sent }: AuthorizationParameters, client: Client, refuse: Refuse): number | null {
  if (sent === undefined) return client.settings.default_max_age
  if (!/^\d{1,9}$/.test(sent)) refuse('invalid_request', 'The max_age is no number of seconds.')
  return Number(sent)
}

/**
 * OpenID Connect Core §5.5: of what the app wants, the claims that this server knows and whose scopes the app may have; others are
 * ignored. `scopes`: what the user allows with them. `subject`: the only user whom the answer may be about (§3.1.2.2).
 */
function claimsOf(
  { claims: sent }: AuthorizationParameters,
  client: Client,
  refuse: Refuse,
): { requested: RequestedClaims | null; essentialAcr: Acr | null; subject: string | null; scopes: string[] } {
  if (sent === undefined) return { requested: null, essentialAcr: null, subject: null, scopes: [] }
  const asked = objectIn(sent)
  if (asked === null) return refuse('invalid_request', 'The parameter claims is no JSON object.')
  const [userinfo, idToken] = (['userinfo', 'id_token'] as const).map((name) => {
    const part = asked[name]
    if (part !== undefined && part !== null && !isRecord(part))
      return refuse('invalid_request', `The member ${name} of the parameter claims is no object.`)
    return isRecord(part) ? part : {}
  }) as [Record<string, unknown>, Record<string, unknown>]
  const isAllowed = (name: string) => allowedScopes(client, [], [scopeOfClaim(name)]).length > 0
  const known = (part: Record<string, unknown>) =>
    KNOWN_CLAIMS.filter((name) => Object.hasOwn(part, name) && isAllowed(name))
  const requested = { userinfo: known(userinfo), id_token: known(idToken) }
  const scopes = [...requested.userinfo, ...requested.id_token].map(scopeOfClaim)
  const subject = isRecord(idToken.sub) && typeof idToken.sub.value === 'string' ? idToken.sub.value : null
  return {
    requested,
    essentialAcr: essentialAcrIn(idToken.acr, refuse),
    subject,
    scopes: [...new Set(scopes)],
  }
}

/** OpenID Connect Core §5.5.1.1: one of the values that an essential `acr` names has to be reached. */
function essentialAcrIn(acr: unknown, refuse: Refuse): Acr | null {
  if (!isRecord(acr) || acr.essential !== true) return null
  const values = [acr.value, acr.values].flat().filter((value) => typeof value === 'string')
  if (values.length === 0) return null
  const known = ACRS.find((one) => values.includes(one))
  return known ?? refuse('unmet_authentication_requirements', 'No sign-in of this server has such an acr.')
}

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const highest = (values: readonly (string | null)[]): Acr | null =>
  ACRS.findLast((acr) => values.includes(acr)) ?? null
