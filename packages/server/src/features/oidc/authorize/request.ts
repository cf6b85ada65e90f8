/** An authorization request: its parameters as they are sent, what it is when they were checked, and the two ways in which one is refused. */
import { z } from 'zod'
import type { Acr } from '../../../base/assurance.ts'
import type { Client, Resource } from '../../../core/clients/index.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'

/** Characters of a parameter; as in the other endpoints of OAuth. */
const LONGEST = 8192
const text = z.string().max(LONGEST).optional()

/** RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1; what they mean is checked in checks.ts. Unknown ones are ignored. */
export const AuthorizationParameters = z.object({
  client_id: text,
  redirect_uri: text,
  response_type: text,
  response_mode: text,
  scope: text,
  state: text,
  nonce: text,
  prompt: text,
  max_age: text,
  acr_values: text,
  id_token_hint: text,
  login_hint: text,
  claims: text,
  code_challenge: text,
  code_challenge_method: text,
  dpop_jkt: text,
  request: text,
  request_uri: text,
  registration: text,
  /** Several may be sent (RFC 8707 §2). */
  resource: z.array(z.string().max(LONGEST)).max(20).optional(),
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

export interface AppRequest extends Recipient {
  scopes: readonly string[]
  /** What the user has to allow: those, and the scopes of claims that the app names. */
  consentScopes: readonly string[]
  /** Registered ones; empty: the app names none. */
  resources: readonly Resource[]
  prompts: ReadonlySet<Prompt>
  /** Seconds; null: any age. */
  maxAge: number | null
  /** The level that the sign-in has to reach; null: any. */
  acr: Acr | null
  /** The level that it should reach, if the user can. */
  preferredAcr: Acr | null
  nonce: string | null
  loginHint: string | null
  /** The user that the app knows, by an ID token of ours; null: any. */
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

/** Told to the app, at its address. */
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
  | 'unknown_address'
  | 'no_address'
  | 'expired'
  | 'other_browser'
  | 'malformed'

export class RefusedOnPage extends Error {
  readonly reason: PageReason

  constructor(reason: PageReason) {
    super(reason)
    this.reason = reason
  }
}
