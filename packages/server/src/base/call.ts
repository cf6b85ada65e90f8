/**
 * A Call is what a request is to everything behind the HTTP room: built once, frozen, data without methods.
 * Rules take it as their first parameter and never see Fastify. Code that runs outside a request (jobs, CLI)
 * makes its own with `systemCall`.
 */
import { newId } from './ids.ts'

export const STYLES = ['standard', 'meta', 'errors', 'detail', 'problem'] as const
export type Style = (typeof STYLES)[number]

/** The style of a protocol's rows; it takes precedence over the settings and over `Accept`. */
export type ProtocolStyle = 'oauth' | 'scim'

export const LOCALES = ['en', 'de'] as const
export type Locale = (typeof LOCALES)[number]

/** Who the caller is, by whichever credential. */
export interface Principal {
  userId: string
  username: string | null
  roles: readonly string[]
  permissions: readonly string[]
  /** By which kind of credential. */
  method: 'session' | 'access_token' | 'api_key'
  /** What the person is called, and the language they chose, where the credential says so. */
  name: string | null
  locale: Locale | null
  /** The API key's id, and an access token's `jti`; null for the other kinds. */
  keyId: string | null
  tokenId: string | null
  /** When the credential ends; null for a key without end. */
  expiresAt: Date | null
  /** How the person proved who they are, RFC 8176 §2; empty for a key. */
  amr: readonly string[]
}

/** The session behind the request, as far as rules need it. Times as Date. */
export interface CallSession {
  id: string
  /** Where the credential came from; a cookie makes CSRF checks necessary. `token`: an access token of this session. */
  via: 'cookie' | 'bearer' | 'token'
  createdAt: Date
  /** When a credential was last proven; `fresh` on a row asks this. */
  authenticatedAt: Date
  expiresAt: Date
  /** The organization it acts in; null for none, and where the credential does not say (`token`). */
  actsIn: { id: string; name: string } | null
}

/** An organization the caller belongs to, or may act in by a permission of the server. */
export interface CallOrganization {
  id: string
  /** The caller's role there; null for somebody who is no member. */
  role: string | null
  /** What that permits inside the organization; the server's permissions are another matter. */
  permissions: readonly string[]
}

export interface Call {
  /** `req_…`, or a sane X-Request-Id of the caller. */
  id: string
  now: Date
  /** The true client address (trusted proxies resolved); null outside a request. */
  ip: string | null
  userAgent: string | null
  principal: Principal | null
  session: CallSession | null
  /** The one that the path names, on rows about an organization; elsewhere the one that the credential acts in. */
  organization: CallOrganization | null
  locale: Locale
  style: Style | ProtocolStyle
  /** Raw values of the cookies that features own (device, attempt …), by name without prefix. */
  cookies: Readonly<Record<string, string>>
}

/** The call of work that no request asked for: a job, the CLI, the first start. */
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
 * The call as the audit log takes what is no matter of the organization that the caller acts in: what is done to
 * the server's roles, and to accounts.
 */
export const outside = (call: Call): Call => ({ ...call, organization: null })
