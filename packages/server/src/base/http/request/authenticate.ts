/**
 * Authentication: finds the one credential of a request and has it verified. base/http knows no feature, so app.ts hands
 * in the Authenticator: a credential goes in; a principal with its session, or the Problem that says why the credential
 * is invalid, comes out. An invalid credential is no exception here: operations that are open to everyone proceed
 * without a user, all others refuse (access.ts). Invariant: the form of the text alone decides the kind of a
 * credential, so that no credential is ever tried as another kind.
 */
import type { Config } from '../../../config.ts'
import type { Call, CallOrganization, CallSession, Principal } from '../../call.ts'
import { type Problem, problem } from '../../errors.ts'
import { type Eventual, whenReady } from '../../eventual.ts'
import { isCookieless, type Row } from '../row/route.ts'
import type { Exchange } from './exchange.ts'
import { parseForm } from './form.ts'
import { badRequest, hasBadCharacters } from './text.ts'

export type Credential =
  | { kind: 'session'; token: string; via: 'cookie' | 'bearer' }
  | { kind: 'access_token'; token: string }
  | { kind: 'api_key'; token: string }

export interface AuthenticatedCaller {
  principal: Principal
  /** null for an API key, and for an access token that was issued without a session. */
  session: CallSession | null
  /** The organization that the credential acts in; null or absent for none, also after the user has left it. */
  organization?: CallOrganization | null
}

export type Verdict = AuthenticatedCaller | { refused: Problem }

export interface Authenticator {
  check(credential: Credential, now: Date): Eventual<Verdict>
}

/**
 * Finds the caller's membership of an organization; null if there is none, or no such organization; a Problem where the
 * credential does not meet the organization's policy, and the server's own roles do not permit what is required either.
 * `call.organization` is the membership that the credential carries: an API key has no other.
 */
export type MembershipLookup = (
  call: Call & { principal: Principal },
  organizationId: string,
  which: { required: string; deletedToo: boolean },
) => Promise<CallOrganization | Problem | null>

export interface Caller {
  principal: Principal | null
  session: CallSession | null
  organization: CallOrganization | null
  /** Why the credential of the request is invalid; the access check of the row decides whether that matters. */
  refused: Problem | null
  /** The HTTP Basic credential, on rows that accept one. */
  basic: { username: string; password: string } | null
  /** The credential is in a header that browsers never send by themselves, so no other site can have sent it. */
  isExplicit: boolean
}

export const ANONYMOUS: Caller = Object.freeze({
  principal: null,
  session: null,
  organization: null,
  refused: null,
  basic: null,
  isExplicit: false,
})
const INVALID_TOKEN: Caller = Object.freeze({ ...ANONYMOUS, refused: problem('INVALID_TOKEN') })

interface Dependencies {
  authenticator: Authenticator
  config: Pick<Config, 'apiKeyInQuery'>
}

/**
 * An explicit credential takes precedence over the cookie, even if it is invalid.
 * @throws Problem BAD_REQUEST for two credentials, or one that cannot be read
 */
export function authenticate(row: Row, exchange: Exchange, dependencies: Dependencies): Eventual<Caller> {
  if (row.anonymous || isCookieless(row)) return ANONYMOUS
  const { authorization, 'x-api-key': header } = exchange.req.headers
  const inQuery = dependencies.config.apiKeyInQuery ? keyInQuery(exchange.url) : undefined
  const isExplicit = authorization !== undefined || header !== undefined
  if (isExplicit) assertNotRepeated(exchange.req.rawHeaders)
  if (isExplicit && !(row.ignoresForeign && isForeign(exchange))) {
    if (inQuery !== undefined || (authorization !== undefined && header !== undefined)) throw twoCredentials()
    if (authorization !== undefined && takesBasic(row) && /^basic /i.test(authorization))
      return { ...ANONYMOUS, basic: readBasic(authorization) }
    exchange.credential = 'bearer'
    const credential = authorization === undefined ? apiKey(String(header)) : credentialIn(authorization)
    if (!credential) return INVALID_TOKEN
    return verify(exchange, dependencies, credential, true)
  }
  if (inQuery !== undefined) {
    exchange.credential = 'bearer'
    return verify(exchange, dependencies, apiKey(inQuery))
  }
  const { session } = exchange.cookies
  if (session === undefined || session === '') return ANONYMOUS
  exchange.credential = 'cookie'
  if (session === null) return INVALID_TOKEN
  return verify(exchange, dependencies, { kind: 'session', token: session, via: 'cookie' })
}

const takesBasic = (row: Row): boolean =>
  row.takesBasic === true || (row.kind === 'api' && row.withBasic !== undefined)

/** The form of our API keys, of any product; the checksum and the key itself are for its check. */
const KEY_FORM = /^[a-z][a-z0-9]{0,15}_(?:live|test)_[0-9A-Za-z]{32}$/

/**
 * Whether there is a session cookie, and no credential header has the form of one of ours. The guard's rule is the same
 * (`recognizes` of its methods).
 */
function isForeign({ req: { headers }, cookies }: Exchange): boolean {
  const { authorization, 'x-api-key': key } = headers
  return (
    Boolean(cookies.session) &&
    !(authorization !== undefined && hasOurForm(authorization)) &&
    !(key !== undefined && KEY_FORM.test(String(key)))
  )
}

function hasOurForm(authorization: string): boolean {
  if (/^basic /i.test(authorization)) return true
  const credential = credentialIn(authorization)
  return credential !== null && (credential.kind !== 'api_key' || KEY_FORM.test(credential.token))
}

const apiKey = (token: string): Credential => ({ kind: 'api_key', token })

/** RFC 6750 §5.3 gives the reasons why the setting is off by default. */
function keyInQuery(url: string): string | undefined {
  const mark = url.indexOf('?')
  return mark !== -1 && url.includes('api_key=', mark) ? parseForm(url.slice(mark + 1)).api_key : undefined
}

/** RFC 6750 §2.1 and our `Api-Key`, after one or more spaces (RFC 9110 §11.4); null for a form that is none of ours. */
function credentialIn(authorization: string): Credential | null {
  const [, scheme, token] = /^(bearer|api-key) +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) ?? []
  if (!scheme || !token) return null
  if (scheme.toLowerCase() === 'api-key') return apiKey(token)
  if (token.startsWith('st_')) return { kind: 'session', token, via: 'bearer' }
  if (token.includes('.')) return { kind: 'access_token', token }
  return /^[a-z][a-z0-9]*_(live|test)_/.test(token) ? apiKey(token) : null
}

export const twoCredentials = (): Problem => badRequest('The request carries two credentials.')

const verify = (
  { now }: Exchange,
  { authenticator }: Dependencies,
  credential: Credential,
  isExplicit = false,
): Eventual<Caller> =>
  whenReady(authenticator.check(credential, now), (verdict) => callerOf(verdict, isExplicit))

function callerOf(verdict: Verdict, isExplicit: boolean): Caller {
  if ('refused' in verdict) return { ...ANONYMOUS, refused: verdict.refused, isExplicit }
  const { principal, session, organization = null } = verdict
  return { principal, session, organization, refused: null, basic: null, isExplicit }
}

/** Two readers of one request must not find two different credentials: one may read the first field, another the last. */
function assertNotRepeated(rawHeaders: readonly string[]): void {
  const found = { authorization: 0, 'x-api-key': 0 }
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    // 13 and 9 characters: most names need not be compared
    const plain = name.length === 13 || name.length === 9 ? name.toLowerCase() : ''
    if (plain === 'authorization' || plain === 'x-api-key') found[plain] += 1
  }
  if (found.authorization > 1 || found['x-api-key'] > 1) throw twoCredentials()
}

/** RFC 7617 §2; @throws Problem BAD_REQUEST if it cannot be read */
function readBasic(authorization: string): { username: string; password: string } {
  const text = Buffer.from(authorization.slice(6).trim(), 'base64').toString('utf8')
  const colon = text.indexOf(':')
  // the decoder writes U+FFFD for bytes that are not UTF-8
  if (colon < 1 || hasBadCharacters(text) || text.includes('\ufffd')) {
    throw badRequest('The Basic credential cannot be read.')
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** The request as rules receive it. */
export function callOf(exchange: Exchange, { principal, session, organization }: Caller): Call {
  return Object.freeze({
    id: exchange.id,
    now: exchange.now,
    ip: exchange.ip,
    userAgent: exchange.req.headers['user-agent']?.slice(0, 512) ?? null,
    principal,
    session,
    organization,
    locale: principal?.locale ?? exchange.locale,
    style: exchange.style,
    cookies: exchange.cookies.others,
  })
}
