/** An authorization request: its parameters as they are sent, what it is when they were checked, and the two ways in which one is refused. */
import { z } from 'zod'
import type { Acr } from '../../../base/assurance.ts'
import { described } from '../../../base/described.ts'
import type { Client, Resource } from '../../../core/clients/index.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'
import { parameter } from '../authentication/index.ts'

const text = (description: string) => described(z.string().max(8192).optional(), description)

/** RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1; what they mean is checked in checks.ts. Unknown ones are ignored. */
export const AuthorizationParameters = z.object({
  client_id: parameter('The app.', 'acme-portal-001'),
  redirect_uri: parameter(
    'Where the browser returns to, as it is registered.',
    'https://app.example.com/callback',
  ),
  response_type: parameter('What the app wants: `code`.', 'code'),
  response_mode: text('How the answer is sent: `query` (default) or `form_post`.'),
  scope: parameter('Scopes, separated by spaces.', 'openid profile'),
  state: parameter('Is in the answer.', 'af0ifjsldkj'),
  nonce: text('Is in the ID token.'),
  prompt: text('`none`, or any of `login`, `consent`, `select_account` and `create`.'),
  max_age: text('The greatest age of the sign-in in seconds.'),
  acr_values: text('Levels of the sign-in, one of which is preferred.'),
  id_token_hint: text('An ID token of the user whom the app expects.'),
  login_hint: text('The address or username that the sign-in begins with.'),
  ui_locales: text(
    'The languages that the user prefers, separated by spaces; those of the pages are `en` and `de`.',
  ),
  claims: text('Single claims, as JSON (OpenID Connect Core §5.5).'),
  code_challenge: parameter(
    'The digest of the verifier (RFC 7636).',
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  ),
  code_challenge_method: parameter('How it was digested: `S256`.', 'S256'),
  dpop_jkt: text('The thumbprint of the key that the code is bound to (RFC 9449 §10).'),
  request: text('Not supported.'),
  request_uri: text('The reference of a pushed request.'),
  registration: text('Not supported.'),
  resource: described(
    z.array(z.string().max(8192)).max(20).optional(),
    'The APIs that access tokens are for (RFC 8707 §2); may be sent several times.',
  ),
})
export type AuthorizationParameters = z.infer<typeof AuthorizationParameters>

export const RESPONSE_MODES = ['query', 'form_post'] as const
export type ResponseMode = (typeof RESPONSE_MODES)[number]

/** Where the answer goes: known as soon as the app and its address are. */
export interface Recipient {
  client: Client
  redirectUri: string
  mode: ResponseMode
  state: string | null
}

export const PROMPTS = ['none', 'login', 'consent', 'select_account', 'create'] as const
export type Prompt = (typeof PROMPTS)[number]

/** What a request demands of the session that answers it. */
export interface SessionDemand extends Recipient {
  prompts: ReadonlySet<Prompt>
  /** Seconds; null: any age. */
  maxAge: number | null
  /** The level that the sign-in has to reach; null: any. */
  acr: Acr | null
  /** The level that it should reach, if the user can. */
  preferredAcr: Acr | null
}

export interface AppRequest extends SessionDemand {
  scopes: readonly string[]
  /** What the user has to allow: those, and the scopes of claims that the app names. */
  consentScopes: readonly string[]
  /** Registered ones; empty: the app names none. */
  resources: readonly Resource[]
  nonce: string | null
  loginHint: string | null
  /** The user that the app names, by an ID token of ours or by the claim `sub`; null: any. */
  hintedUser: string | null
  claims: RequestedClaims | null
  challenge: string | null
  dpopJkt: string | null
}

/** The errors of RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 8707 §2 and RFC 9470. */
export type AuthorizationError =
  | 'invalid_request'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'login_required'
  | 'consent_required'
  | 'interaction_required'
  | 'account_selection_required'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'registration_not_supported'
  | 'invalid_target'
  | 'unmet_authentication_requirements'

/** The app learns of it, at its address. */
export class RefusedToApp extends Error {
  readonly recipient: Recipient
  readonly error: AuthorizationError

  /** @param description of characters of RFC 6749 §4.1.2.1, for developers */
  constructor(recipient: Recipient, error: AuthorizationError, description: string) {
    super(description)
    this.recipient = recipient
    this.error = error
  }
}

/** Why a request ends on a page of ours: the app or its address is not known, so that no redirect is safe. */
export type PageReason =
  | 'unknown_app'
  | 'unusable_document'
  | 'unknown_address'
  | 'no_address'
  | 'expired'
  | 'other_browser'
  | 'malformed'

export class RefusedOnPage extends Error {
  readonly reason: PageReason

  /** @param message for developers */
  constructor(reason: PageReason, message: string = reason) {
    super(message)
    this.reason = reason
  }
}
