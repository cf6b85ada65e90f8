/** What a provider says about a user whom it has authenticated, and how its answers fail. Types and one error. */
import { visibleText } from '../../base/fields.ts'
import type { UserProfile } from '../user-profile.ts'

/** The tokens of a provider. */
export interface ProviderTokens {
  access_token: string
  refresh_token?: string
  /** ISO 8601; absent: unknown. */
  expires_at?: string
  scope?: string
}

/** The session at a SAML identity provider, by which it ends ours. */
export interface ProviderSession {
  name_id: string
  name_id_format: string | null
  name_qualifier: string | null
  sp_name_qualifier: string | null
  session_index: string | null
}

/** The same with the connection whose provider calls it so. */
export interface ConnectedSession extends ProviderSession {
  connection_id: string
}

/** Sessions as a logout request of a provider names them; without indexes all of the name. */
export interface ProviderSessions {
  connectionId: string
  nameId: string
  /** Null: it does not say, or says that it is unspecified. */
  format: string | null
  /** Null: `issuer`, and `audience`. */
  nameQualifier: string | null
  spNameQualifier: string | null
  /** The entity ids of the provider and of this server, which qualify a name that states nothing else. */
  issuer: string
  audience: string
  sessionIndexes: readonly string[]
}

/** The user of an answer that was verified. Every text is bounded; none was written by this server's users. */
export interface ExternalIdentity {
  issuer: string
  subject: string
  email: string | null
  /** By the rule of the provider's row: whether the provider is an authority for the address and says that it is verified. */
  emailVerified: boolean
  username: string | null
  fullName: string | null
  /** What it says besides that has the form of a profile here; absent: nothing. Taken by a registration alone. */
  stated?: UserProfile
  /** Null: the provider does not say. */
  groups: readonly string[] | null
  /** Authentication Method References and the Context Class that the provider states. */
  amr: readonly string[]
  acr: string | null
  /** When the provider authenticated the user; null where it does not say. */
  authenticatedAt: Date | null
  /** What it said, for the diagnostics and the mapping of attributes; bounded, without tokens. */
  claims: Readonly<Record<string, unknown>>
  tokens?: ProviderTokens
  session?: ProviderSession
}

/** Why an answer of a provider is refused, with the sentence for those who administer the connection. */
export const PROVIDER_FAULTS = {
  unknown_state: 'The answer belongs to no sign-in that was begun here, or to another connection.',
  other_browser: 'The answer came in another browser than the one that began the sign-in.',
  expired: 'The sign-in was begun more than 15 minutes ago.',
  replayed: 'The answer was used before.',
  denied: 'The user or the provider refused the sign-in.',
  provider_error: 'The provider answered with an error.',
  unreachable: 'The provider could not be reached, or did not answer in time.',
  address_refused:
    'The server does not request this address: it is not https, or it is in a private network, and the operator of the server has not permitted its host.',
  not_json: 'The provider’s answer is a web page or another text, where JSON is required.',
  bad_answer: 'The provider’s answer is not what the protocol requires.',
  bad_settings: 'The settings of the connection are incomplete, or the provider refused them.',
  client_refused: 'The provider refuses the client ID or the client secret.',
  redirect_refused: 'The provider refuses the redirect URI: it is not registered there.',
  scope_refused: 'The provider refuses a scope.',
  wrong_issuer: 'The answer names another issuer than the connection.',
  wrong_audience: 'The answer is meant for another service.',
  wrong_signature: 'The signature is missing, or it was not made with a key of the provider.',
  wrong_nonce: 'The ID token belongs to another sign-in.',
  wrong_time: 'The answer is not valid at this time: the clocks differ, or it is too old.',
  wrong_recipient: 'The answer is addressed to another URL.',
  wrong_request: 'The answer belongs to another request.',
  unsolicited: 'The provider began the sign-in, which this connection does not allow.',
  unsafe_document:
    'The document has parts that are refused: a DTD, comments in names, several assertions, or too much of it.',
  certificate_expired: 'The certificate of the provider has expired.',
  encryption: 'The assertion is not encrypted as it must be, or cannot be decrypted.',
  no_subject: 'The answer does not say who the user is, or by a name that changes with each sign-in.',
  tenant_refused: 'The user belongs to a tenant or domain that is not allowed.',
  domain_refused:
    'The user is no member of the organization, and the verified address of their account is not of its verified domains.',
  not_registered: 'There is no account for this user, and the connection makes none.',
  not_connected: 'The identity is not connected with the account that is signed in.',
  taken: 'The identity is linked to another account.',
  not_offered: 'The connection is not active.',
  user_refused: 'The account is disabled or locked.',
} as const satisfies Record<string, string>
export type ProviderFault = keyof typeof PROVIDER_FAULTS

/**
 * A refusal of a provider's answer. `detail`: what differs, in words, for administrators; it contains no secret, and what it
 * quotes of the provider is bounded and visible.
 */
export class FederationFault extends Error {
  readonly detail: string | null

  constructor(
    readonly fault: ProviderFault,
    detail: string | null = null,
    options?: ErrorOptions,
  ) {
    super(detail === null ? fault : `${fault}: ${detail}`, options)
    this.detail = detail === null ? null : visibleText(detail, 500)
  }

  /** Both, in English. */
  get sentence(): string {
    const sentence = PROVIDER_FAULTS[this.fault]
    return this.detail === null ? sentence : `${sentence} In detail: ${this.detail}`
  }
}
