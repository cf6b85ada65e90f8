/**
 * The Call: the request context of rules, built once by base/http, frozen, data without methods. Rules take it as their
 * first parameter and never see the request. Code outside a request (jobs, CLI) makes one with `systemCall`.
 */
import type { Acr, StoredProof } from './assurance.ts'
import { newId } from './ids.ts'

export const STYLES = ['standard', 'meta', 'errors', 'detail', 'problem'] as const
export type Style = (typeof STYLES)[number]

/** The style of a protocol's rows; it takes precedence over the settings and over `Accept`. */
export type ProtocolStyle = 'oauth' | 'scim'

export const LOCALES = ['en', 'de'] as const
export type Locale = (typeof LOCALES)[number]

/** The language that a user has chosen, as it is stored; null for none. E-mails to the user are written in it. */
export const findLocale = (stored: string | null | undefined): Locale | null =>
  LOCALES.find((locale) => locale === stored) ?? null

/** The first of these language tags (RFC 5646, in lower case) in which there are pages, as their language; null for none. */
export const firstLocale = (tags: readonly string[]): Locale | null => {
  const known = (tag: string): Locale | undefined =>
    LOCALES.find((locale) => tag === locale || tag.startsWith(`${locale}-`))
  return tags.map(known).find(Boolean) ?? null
}

/** The principal: the user that a credential speaks for. */
export interface Principal {
  userId: string
  username: string | null
  roles: readonly string[]
  permissions: readonly string[]
  /** The kind of credential. */
  method: 'session' | 'access_token' | 'api_key'
  /** The user's name and chosen language, if the credential contains them. */
  name: string | null
  locale: Locale | null
  /** The API key's id, and an access token's `jti`; null for the other kinds. */
  keyId: string | null
  tokenId: string | null
  /** When the credential expires; null for a key that does not expire. */
  expiresAt: Date | null
  /** The authentication methods of the user, RFC 8176 §2; empty for a key. */
  amr: readonly string[]
}

/** The session of the request, as far as rules need it. */
export interface CallSession {
  id: string
  /** How the credential was sent; a cookie requires CSRF checks. `token`: an access token of this session. */
  via: 'cookie' | 'bearer' | 'token'
  createdAt: Date
  /** When the user last proved their identity; `fresh` of an operation refers to it. */
  authenticatedAt: Date
  /** The level that its proofs reach together. */
  acr: Acr
  /** What was proven and when, the latest proof of each method; empty for an access token. */
  proofs: readonly StoredProof[]
  expiresAt: Date
  /** The organization that the session acts in; null for none, and if the credential does not name it (`token`). */
  actsIn: { id: string; name: string } | null
}

/** An organization that the caller is a member of, or may act in by a permission of the server. */
export interface CallOrganization {
  id: string
  /** The caller's role in it; null if they are not a member. */
  role: string | null
  /** The caller's permissions inside the organization, separate from those of the server. */
  permissions: readonly string[]
  /** That the caller acts as an owner without the connection that is required (break-glass). */
  bypassesSso?: true
}

export interface Call {
  /** `req_…`, or the X-Request-Id of the request if it is valid. */
  id: string
  now: Date
  /** The client address behind trusted proxies; null outside a request. */
  ip: string | null
  userAgent: string | null
  principal: Principal | null
  session: CallSession | null
  /** On rows about an organization, the one in the path; on all other rows, the one that the credential acts in. */
  organization: CallOrganization | null
  locale: Locale
  style: Style | ProtocolStyle
  /** Raw values of the cookies that features own (device, attempt …), by name without prefix. */
  cookies: Readonly<Record<string, string>>
  /** On rows that browsers open: that a site of no registered origin has sent the browser there; absent otherwise. */
  byOther?: true
  /** The id of the set-up link by which the principal’s organization is changed; absent where they do it themselves. */
  setupLink?: string
}

/** The call of work outside a request: a job, the CLI, the first start. */
export function systemCall(now: Date): Call {
  return Object.freeze({
    id: newId('req'),
    now,
    ip: null,
    userAgent: null,
    principal: null,
    session: null,
    organization: null,
    locale: 'en',
    style: 'standard',
    cookies: {},
  })
}

/**
 * The call for audit events that do not concern the organization that the caller acts in: changes of the server's roles
 * and of accounts.
 */
export const outside = (call: Call): Call => ({ ...call, organization: null })
