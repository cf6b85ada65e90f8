/**
 * The `latchkey` method: access tokens are verified offline with the published keys (JWKS) of the server; API keys and
 * session tokens are validated by the server; revocations are pushed by a stream. While the stream is not connected, the
 * server validates every credential, and where it cannot be reached the answer is 503: a credential that may have been
 * revoked is never accepted.
 */
import { boundedCache } from '../cache.ts'
import type { Credential } from '../credentials.ts'
import { remoteKeys } from '../jwt/jwks.ts'
import { type KeySource, secretKey, UNKNOWN_KEY } from '../jwt/keys.ts'
import { type TokenRules, tokenVerifier, type VerifiedToken } from '../jwt/verifier.ts'
import { type Revocable, revocations } from '../latchkey/revocations.ts'
import { openStream, type Stream } from '../latchkey/stream.ts'
import { credentialValidator, type ValidationResult, type ValidCredential } from '../latchkey/validate.ts'
import { type Fetch, outboundUrl, unavailable } from '../outbound.ts'
import type { Principal } from '../principal.ts'
import { invalidToken, Problem } from '../problem.ts'
import { isWorkers } from '../runtime.ts'
import type { Method, MethodContext, MethodOutcome, MethodPlan, RevocationState } from './method.ts'

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
  credential?: string | (() => string | Promise<string>) | undefined
  /** By default `stream` with a `credential`, and `ask` without. With `none`, a token is valid until it expires. */
  revocation?: RevocationMode | undefined
  /** The token secret of a server that signs with HS256; at least 32 bytes. */
  secret?: string | Uint8Array | undefined
  /** Tolerated clock difference in seconds; 5 by default. */
  clockTolerance?: number | undefined
  /** The number of verified tokens that are cached; 10,000 by default. */
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
 * Accepts what a Latchkey server issues: access tokens, API keys (`Authorization: Bearer`, `Authorization:
 * Api-Key`, `X-API-Key`) and session tokens (`Bearer st_…`).
 *
 * @param options at least the issuer
 * @returns a method for {@link createGuard}
 * @throws TypeError (from `createGuard`) for a URL that is not https, `stream` without a credential, a weak secret
 * @see RFC 9068 for access tokens, RFC 6750 for their transmission
 */
export function latchkey(options: LatchkeyOptions): MethodPlan {
  return { name: 'latchkey', open: (context) => openLatchkey(options, context) }
}

interface CachedAnswer {
  principal: Principal
  revocable: Revocable
  until: number
}

function openLatchkey(options: LatchkeyOptions, { now, report, stateChanged }: MethodContext): Method {
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
  const verifier = tokenVerifier(
    options.secret === undefined ? keys : secretOf(options.secret),
    rules,
    options.cacheSize ?? 10_000,
    now,
  )
  const validate = credentialValidator({ url: `${base}/api/v1/auth/validate`, fetch, now, timeout })
  const revoked = revocations(() => now() / 1000 - rules.tolerance)
  const cachedAnswers = boundedCache<CachedAnswer>(5000)
  /** Digests of tokens with an unknown key that the server refused, with the time until which this is cached. */
  const rejected = boundedCache<number>(5000)
  let unknownKeyChecks = 0
  const stream: Stream | null =
    mode !== 'stream' || credential === undefined
      ? null
      : openStream({
          url: `${base}/api/v1/auth/revocations`,
          credential: typeof credential === 'function' ? credential : () => credential,
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
    return isLive() ? token.principal : validateToken(token, sent)
  }

  async function validateToken(
    token: Omit<VerifiedToken, 'key'>,
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

  function authenticateToken(sent: Credential): MethodOutcome | Promise<MethodOutcome> {
    const verdict = verifier.verify(sent)
    if (verdict instanceof Promise) return verdict.then((later) => settle(later, sent))
    return verdict === undefined ? undefined : settle(verdict, sent)
  }
  const settle = (verdict: VerifiedToken | Problem | typeof UNKNOWN_KEY, sent: Credential) => {
    if (verdict === UNKNOWN_KEY) return validateUnknownKey(sent)
    return verdict instanceof Problem ? verdict : acceptToken(verdict, sent)
  }

  function authenticateOpaque(sent: Credential): Principal | Problem | Promise<Principal | Problem> {
    const known = cachedAnswers.get(sent.digest)
    if (known !== undefined && isPushed() && now() < known.until && !revoked.covers(known.revocable))
      return known.principal
    const { version } = revoked
    return validate(sent).then((answer) => {
      // an answer that a revocation may have overtaken is valid for this request, and is not cached
      if (isValid(answer) && isPushed() && version === revoked.version) remember(sent, answer)
      return answer instanceof Problem ? answer : answer.principal
    })
  }
  const isPushed = (): boolean => stream?.isLive() === true

  function remember(sent: Credential, { principal, userId, sessionId, keyId }: ValidCredential): void {
    const { roles, organizationId: org } = principal
    const revocable = { sub: userId, sid: sessionId, keyId, roles, org, issuedAt: Math.floor(now() / 1000) }
    const until = Math.min(
      now() + rememberFor * 1000,
      principal.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    )
    cachedAnswers.set(sent.digest, { principal, revocable, until })
  }

  return {
    name: 'latchkey',
    schemes: ['Bearer', 'Api-Key'],
    sources: { headers: ['x-api-key'], query: [], cookies: [] },
    resolvesRoles: true,
    docs: `${issuer}/api/docs`,
    authenticate({ explicit: sent }) {
      if (sent === null || sent.isTooLong) return undefined
      if (sent.kind === 'api-key') return API_KEY.test(sent.value) ? authenticateOpaque(sent) : undefined
      if (sent.kind !== 'bearer') return undefined
      if (sent.value.includes('.')) return authenticateToken(sent)
      return SESSION_TOKEN.test(sent.value) || API_KEY.test(sent.value) ? authenticateOpaque(sent) : undefined
    },
    state: (): RevocationState => (mode === 'none' ? 'off' : isPushed() ? 'connected' : 'asking'),
    close: () => stream?.close(),
  }
}

const isValid = (answer: ValidationResult): answer is ValidCredential => !(answer instanceof Problem)

/** The requirements on access tokens of a Latchkey server (RFC 9068 §4). */
export function accessTokenRules(
  options: Pick<LatchkeyOptions, 'issuer' | 'audience' | 'clockTolerance'>,
): TokenRules {
  const issuer = options.issuer.replace(/\/+$/, '')
  const { audience = issuer, clockTolerance = 5 } = options
  return {
    issuers: [issuer],
    audiences: typeof audience === 'string' ? [audience] : audience,
    // RFC 9068 §2.1
    types: ['at+jwt', 'application/at+jwt'],
    tolerance: clockTolerance,
    method: 'access_token',
    isLatchkey: true,
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
