/**
 * The `latchkey` method: access tokens are verified offline with the published keys (JWKS) of the server; API keys,
 * session tokens and session cookies are validated by the server; revocations are pushed by a stream. While the stream
 * is not connected, the server validates every credential, and where it cannot be reached the answer is 503: a
 * credential that may have been revoked is never accepted.
 */
import { boundedCache } from '../cache.ts'
import { type Credential, isBearerText } from '../credentials.ts'
import { checkOriginOf, isSafe } from '../csrf.ts'
import { fieldsOfClaims, toleranceOf } from '../jwt/claims.ts'
import { remoteKeys } from '../jwt/jwks.ts'
import { type KeySource, secretKey, UNKNOWN_KEY } from '../jwt/keys.ts'
import { type TokenRules, type TokenVerdict, tokenVerifier, type VerifiedToken } from '../jwt/verifier.ts'
import { type Revocable, revocations } from '../latchkey/revocations.ts'
import { openStream, type Stream } from '../latchkey/stream.ts'
import { credentialValidator, type ValidCredential } from '../latchkey/validate.ts'
import {
  amount,
  assertOptions,
  callable,
  count,
  either,
  flag,
  isText,
  type OptionTable,
  oneOf,
  origins,
  text,
  textOrTexts,
} from '../options.ts'
import { type Fetch, outboundUrl, unavailable } from '../outbound.ts'
import { makePrincipal, type Principal } from '../principal.ts'
import { invalidToken, Problem, problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'
import type { ProofChecker } from '../resource/dpop.ts'
import { isWorkers } from '../runtime.ts'
import { type Awaitable, CALLBACK_TIMEOUT, within } from './callback.ts'
import {
  type Method,
  type MethodContext,
  type MethodOutcome,
  type MethodPlan,
  NO_SOURCES,
  type RevocationState,
} from './method.ts'

/** How revocations are checked: pushed by a stream, by validating every credential at the server, or not at all. */
export type RevocationMode = 'stream' | 'ask' | 'none'

export interface LatchkeyOptions {
  /** The public URL of the server, which is the `iss` of its tokens: `https://id.example.com`. */
  issuer: string
  /** Accepted audiences: `aud` must contain one of them. The issuer by default. */
  audience?: string | readonly string[] | undefined
  /** The address of the server, where it differs from the issuer: `http://latchkey:4000`. */
  url?: string | undefined
  /** Allows plain http to another machine, for a trusted network. */
  allowHttp?: boolean | undefined
  /** The credential of the guard for the revocation stream: an API key or access token with `revocations:read`. */
  credential?: string | (() => Awaitable<string>) | undefined
  /** By default `stream` with a `credential`, and `ask` without. With `none`, a token is valid until it expires. */
  revocation?: RevocationMode | undefined
  /** The token secret of a server that signs with HS256; at least 32 bytes. */
  secret?: string | Uint8Array | undefined
  /**
   * Whether the session cookie of the server is accepted, where it reaches the app because both are on one host; true by
   * default. Unsafe methods require the CSRF token of the session in `X-CSRF-Token` or `X-CSRFToken`.
   */
  cookie?: boolean | undefined
  /** Other origins that may send unsafe requests with the session cookie: `['https://app.example.com']`. */
  origins?: readonly string[] | undefined
  /**
   * Tolerated difference between the clocks of the server and this machine, in seconds. By default 60 for tokens from the
   * future (`iat`, `nbf`), and 5 for expired ones (`exp`).
   */
  clockTolerance?: number | undefined
  /** The number of verified tokens that are cached; 10,000 by default, 0 for none. */
  cacheSize?: number | undefined
  /**
   * How long the server's answer for an API key or a session token is cached while the stream is connected, in seconds;
   * 5 by default.
   */
  rememberFor?: number | undefined
  /** Timeout of a request to the server, in milliseconds; 3,000 by default. */
  timeout?: number | undefined
  /** Time without data after which the stream counts as lost, in milliseconds; 40,000 by default. */
  silence?: number | undefined
  /** Replaces the global `fetch`. */
  fetch?: Fetch | undefined
}

/** Bound on concurrent validations of tokens with an unknown key. */
const MAX_UNKNOWN_KEY_CHECKS = 16
const REJECTED_FOR = 30_000

const API_KEY = /^[a-z][a-z0-9]*_(?:live|test)_[A-Za-z0-9]{32}$/
const SESSION_TOKEN = /^st_[\w-]{43}$/
/**
 * Whether a credential has the form of one that a Latchkey server issues, valid or not. The server's rule for
 * `auth/validate` is the same: tests/foreign-credentials.test.ts compares the two.
 */
const hasLatchkeyForm = ({ kind, value }: Credential): boolean =>
  API_KEY.test(value) ||
  (kind === 'bearer' && isBearerText(value) && (value.startsWith('st_') || value.includes('.')))
const CSRF_TOKEN = /^[\w-]{1,64}\.[\w-]{1,64}$/

/**
 * Accepts what a Latchkey server issues: access tokens, API keys (`Authorization: Bearer`, `Authorization:
 * Api-Key`, `X-API-Key`), session tokens (`Bearer st_…`), and its session cookie where that reaches the app: unsafe
 * methods then require the CSRF token of the session and an origin of the app.
 *
 * @param options at least the issuer
 * @returns a method for {@link createGuard}
 * @throws TypeError (from `createGuard`) for a URL that is not https, `stream` without a credential, a weak secret
 * @see RFC 9068 for access tokens, RFC 6750 for their transmission
 */
export function latchkey(options: LatchkeyOptions): MethodPlan {
  return { name: 'latchkey', open: (context) => openLatchkey(options, context) }
}

/**
 * Accepts access tokens of a Latchkey server that were issued for a resource, and nothing else of it. Those that are bound to a
 * key require a proof.
 *
 * @param proofs null: bound tokens are refused
 */
export function resourceTokens(options: LatchkeyOptions, proofs: ProofChecker | null): MethodPlan {
  return { name: 'latchkey', open: (context) => openLatchkey(options, context, { proofs }) }
}

const OPTIONS: OptionTable<LatchkeyOptions> = {
  issuer: text,
  audience: textOrTexts,
  url: text,
  allowHttp: flag,
  credential: either(text, callable),
  revocation: oneOf(['stream', 'ask', 'none']),
  secret: (value) => (typeof value === 'string' || value instanceof Uint8Array ? null : 'a string or bytes'),
  cookie: flag,
  origins,
  clockTolerance: amount('seconds', 0, 3600),
  cacheSize: count(0, 10_000_000),
  rememberFor: amount('seconds', 0, 3600),
  timeout: amount('milliseconds', 1, 600_000),
  silence: amount('milliseconds', 1, 3_600_000),
  fetch: callable,
}

/** An answer of the server. Its age is measured by one clock, and its end by the clock of the server. */
interface CachedAnswer {
  principal: Principal
  revocable: Revocable
  at: number
  /** Milliseconds */
  lifetime: number
}

/** @param resource of `resourceTokens`; null: the server itself is the audience, or an app of the caller */
function openLatchkey(
  options: LatchkeyOptions,
  { now, report, stateChanged }: MethodContext,
  resource: { proofs: ProofChecker | null } | null = null,
): Method {
  assertOptions('latchkey()', options, OPTIONS, ['issuer'])
  const issuer = options.issuer.replace(/\/+$/, '')
  const { credential, timeout = 3000, rememberFor = 5, fetch = globalThis.fetch } = options
  const mode = options.revocation ?? (credential === undefined ? 'ask' : 'stream')
  if (mode === 'stream' && credential === undefined)
    throw new TypeError("revocation: 'stream' requires a `credential` with the permission revocations:read")
  if (mode === 'stream' && isWorkers)
    throw new TypeError("Cloudflare Workers cannot hold a revocation stream: use revocation: 'ask' or 'none'")
  const base = outboundUrl(options.url ?? issuer, options.allowHttp ?? false).href.replace(/\/+$/, '')
  const keys = remoteKeys({ url: `${base}/.well-known/jwks.json`, fetch, now, timeout, onFailure: report })
  const rules = accessTokenRules(options)
  const source = options.secret === undefined ? keys : secretOf(options.secret)
  const verifier = tokenVerifier(() => source, rules, options.cacheSize ?? 10_000, now)
  const validate = credentialValidator({ url: `${base}/api/v1/auth/validate`, fetch, now, timeout })
  const revoked = revocations(() => now() / 1000)
  const cachedAnswers = boundedCache<CachedAnswer>(5000)
  /** Digests of tokens with an unknown key that the server refused, with the time until which this is cached. */
  const rejected = boundedCache<number>(5000)
  let unknownKeyChecks = 0
  // under https a cookie of another host cannot have this name (RFC 6265bis §4.1.3.2)
  const cookie = options.cookie === false ? null : `${issuer.startsWith('https:') ? '__Host-' : ''}lk_session`
  const stream: Stream | null =
    mode !== 'stream' || credential === undefined
      ? null
      : openStream({
          url: `${base}/api/v1/auth/revocations`,
          credential:
            typeof credential === 'function' ? () => credentialOf(credential) : async () => credential,
          fetch,
          now,
          silence: options.silence ?? 40_000,
          onRevoked: (revocation) => revoked.add(revocation),
          onKeys: () => void keys.refetch(),
          onChange: (isLive, reason) => stateChanged(isLive ? 'connected' : 'asking', reason),
        })

  /** Whether the revocation list in memory is complete, so that a verified token can be accepted. */
  const isLive = (): boolean => mode === 'none' || stream?.isLive() === true

  function acceptToken(
    token: VerifiedToken,
    sent: Credential,
  ): Principal | Problem | Promise<Principal | Problem> {
    // a known revocation applies in every state of the stream
    if (revoked.covers(token)) return invalidToken('revoked')
    if (isLive()) return token.principal
    // the server validates no token for another audience
    return resource === null
      ? validateToken(token, sent)
      : unavailable('the revocations are not known', undefined, 1)
  }

  async function validateToken(
    token: Pick<VerifiedToken, 'sub' | 'jti'>,
    sent: Credential,
  ): Promise<Principal | Problem> {
    const answer = await validate(sent)
    if (answer instanceof Problem) return answer
    const isSame = answer.userId === token.sub && (answer.tokenId === null || answer.tokenId === token.jti)
    return isSame ? answer.principal : invalidToken('the answer of the server is for another token')
  }

  /**
   * Validates a token with an unknown key at the server: the cached keys may be outdated, or the token is forged. Anyone
   * can forge such tokens, so that refusals are cached and concurrent validations bounded: a flood of tokens must not
   * become a flood of requests to the server.
   */
  async function validateUnknownKey(sent: Credential): Promise<Principal | Problem> {
    const token = verifier.withoutSignature(sent)
    if (token instanceof Problem) return token
    const isRejected = now() < (rejected.get(sent.digest) ?? 0)
    if (mode === 'none' || isRejected || revoked.covers(token)) return invalidToken('the kid is unknown')
    // a Worker that is ended would not count down; its platform bounds the requests that it sends
    if (unknownKeyChecks >= MAX_UNKNOWN_KEY_CHECKS && !isWorkers)
      return unavailable('too many tokens of unknown keys', undefined, 1)
    unknownKeyChecks += 1
    const answer = await validateToken(token, sent).finally(() => {
      unknownKeyChecks -= 1
    })
    if (!(answer instanceof Problem)) {
      const fetched = keys.refetch()
      if (isWorkers) await fetched
    } else if (answer.status === 401) rejected.set(sent.digest, now() + REJECTED_FOR)
    return answer
  }

  function authenticateToken(
    sent: Credential,
    request: GuardRequest,
  ): MethodOutcome | Promise<MethodOutcome> {
    const verdict = verifier.verify(sent)
    return verdict instanceof Promise
      ? verdict.then((later) => settle(later, sent, request))
      : settle(verdict, sent, request)
  }
  const settle = (verdict: TokenVerdict | undefined, sent: Credential, request: GuardRequest) => {
    if (verdict === undefined) return undefined
    if (verdict === UNKNOWN_KEY)
      return resource === null ? validateUnknownKey(sent) : invalidToken('the kid is unknown')
    if (verdict instanceof Problem) return verdict
    return verdict.jkt === null && sent.kind === 'bearer' && proofs?.isRequired !== true
      ? acceptToken(verdict, sent)
      : acceptBound(verdict, sent, request)
  }
  const proofs = resource?.proofs ?? null

  /** RFC 9449 §7.1, §7.2: scheme, binding and proof belong together, or the token is refused. */
  function acceptBound(
    token: VerifiedToken,
    sent: Credential,
    request: GuardRequest,
  ): Principal | Problem | Promise<Principal | Problem> {
    if (token.jkt === null) return invalidToken('the token is bound to no key')
    if (sent.kind !== 'dpop')
      return invalidToken('the token is bound to a key, and was sent as a bearer token')
    if (proofs === null) return invalidToken('proofs are not checked here')
    const proven = proofs.check(request, { text: sent.value, jkt: token.jkt })
    if (proven instanceof Promise) return proven.then((refused) => refused ?? acceptToken(token, sent))
    return proven ?? acceptToken(token, sent)
  }

  /** @param csrfToken of an unsafe request with a session cookie */
  function authenticateOpaque(
    sent: Credential,
    csrfToken: string | null = null,
  ): Principal | Problem | Promise<Principal | Problem> {
    const name = csrfToken === null ? sent.digest : `${sent.digest} ${csrfToken}`
    const known = cachedAnswers.get(name)
    if (known !== undefined && isPushed() && isFresh(known) && !revoked.covers(known.revocable))
      return known.principal
    const { version } = revoked
    return validate(sent, csrfToken).then((answer) => {
      if (answer instanceof Problem) return answer
      // an answer that a revocation may have overtaken is valid for this request, and is not cached
      if (isPushed() && version === revoked.version)
        cachedAnswers.set(name, rememberedAnswer(answer, version))
      return answer.principal
    })
  }
  const isPushed = (): boolean => stream?.isLive() === true
  const isFresh = ({ at, lifetime }: CachedAnswer): boolean => {
    const age = now() - at
    // a clock that was set back does not prolong it
    return age >= 0 && age < lifetime
  }

  function rememberedAnswer(answer: ValidCredential, version: number): CachedAnswer {
    const { principal, userId, sessionId, keyId, expiresIn } = answer
    const { roles, organizationId: org } = principal
    const lifetime = Math.min(rememberFor * 1000, expiresIn ?? Number.POSITIVE_INFINITY)
    const revocable = { sub: userId, sid: sessionId, keyId, roles, org, issuedAt: null, version }
    return { principal, revocable, at: now(), lifetime }
  }

  /** An unsafe request must have the CSRF token of its session, and come from an origin of the app. */
  function authenticateCookie(
    sent: Credential | null,
    request: GuardRequest,
  ): Principal | Problem | Promise<Principal | Problem> {
    // a cookie that cannot be read is invalid, not absent
    if (sent === null || !SESSION_TOKEN.test(sent.value)) return invalidToken('the cookie cannot be read')
    const foreign = checkOriginOf(request, options.origins ?? [])
    if (foreign !== null) return foreign
    if (isSafe(request.method)) return authenticateOpaque(sent)
    const csrfToken = request.header('x-csrftoken') ?? request.header('x-csrf-token') ?? ''
    return CSRF_TOKEN.test(csrfToken)
      ? authenticateOpaque(sent, csrfToken)
      : problem('CSRF_FAILED', { reason: 'the CSRF token is missing or malformed' })
  }

  return {
    name: 'latchkey',
    schemes: resource === null ? ['Bearer', 'Api-Key'] : schemesOf(proofs),
    sources: {
      ...NO_SOURCES,
      headers: resource === null ? ['x-api-key'] : [],
      cookies: cookie === null ? [] : [cookie],
      recognizes: hasLatchkeyForm,
    },
    resolvesRoles: true,
    docs: `${issuer}/api/docs`,
    authenticate({ explicit: sent, cookies }, request) {
      const session = cookie === null ? undefined : cookies.get(cookie)
      if (session !== undefined) return authenticateCookie(session, request)
      if (sent === null || sent.isTooLong) return undefined
      if (resource !== null) {
        const isToken = sent.kind === 'bearer' || (sent.kind === 'dpop' && proofs !== null)
        return isToken ? authenticateToken(sent, request) : undefined
      }
      if (sent.kind === 'api-key') return API_KEY.test(sent.value) ? authenticateOpaque(sent) : undefined
      if (sent.kind !== 'bearer') return undefined
      if (sent.value.includes('.')) return authenticateToken(sent, request)
      return SESSION_TOKEN.test(sent.value) || API_KEY.test(sent.value) ? authenticateOpaque(sent) : undefined
    },
    state: (): RevocationState => (mode === 'none' ? 'off' : isPushed() ? 'connected' : 'asking'),
    close: () => stream?.close(),
  }
}

/** A client that reads only the first challenge understands Bearer. */
const schemesOf = (proofs: ProofChecker | null): readonly string[] => {
  if (proofs === null) return ['Bearer']
  return proofs.isRequired ? ['DPoP'] : ['Bearer', 'DPoP']
}

/** @throws TypeError where a callback returns no credential, which the stream reports as its state */
async function credentialOf(read: () => Awaitable<string>): Promise<string> {
  const credential: unknown = await within(
    read(),
    CALLBACK_TIMEOUT,
    () => new Error('`credential` does not answer'),
  )
  if (isText(credential)) return credential
  throw new TypeError('`credential` must return a string')
}

/** The requirements on access tokens of a Latchkey server (RFC 9068 §4). */
export function accessTokenRules(
  options: Pick<LatchkeyOptions, 'issuer' | 'clockTolerance'> & {
    audience?: string | readonly string[] | null | undefined
  },
): TokenRules {
  const issuer = options.issuer.replace(/\/+$/, '')
  const { audience = issuer, clockTolerance } = options
  return {
    isIssuer: ({ iss }) => iss === issuer,
    hasIssuerCallback: false,
    audiences: typeof audience === 'string' ? [audience] : audience,
    // RFC 9068 §2.1
    types: ['at+jwt'],
    tolerance: toleranceOf(clockTolerance),
    maxAge: null,
    required: [],
    isLatchkey: true,
    principalOf: (claims) => makePrincipal(fieldsOfClaims(claims), 'access_token', claims, true),
  }
}

/** The key of a server that signs with HS256. Other algorithms are refused. */
function secretOf(secret: string | Uint8Array): KeySource {
  const key = secretKey(secret, 'HS256')
  return {
    ready: () => null,
    find: (_kid, alg) => (alg === 'HS256' ? key : invalidToken('the algorithm is not HS256')),
  }
}
