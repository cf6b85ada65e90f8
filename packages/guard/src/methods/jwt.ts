/**
 * The `jwt` method: JWTs of any issuer, verified with a secret, a public key, a JWK set or the keys that it
 * publishes.
 */
import { type JsonWebKey, KeyObject } from 'node:crypto'
import { boundedCache } from '../cache.ts'
import { checkOriginOf } from '../csrf.ts'
import { ALGORITHM_NAMES, type Algorithm, algorithmNamed, isSymmetric } from '../jwt/algorithms.ts'
import {
  type Claims,
  fieldsOfClaims,
  isTextsOrNot,
  type RequiredClaims,
  requiredClaimsFault,
  toleranceOf,
} from '../jwt/claims.ts'
import { discoveredLocation } from '../jwt/discovery.ts'
import { type IssuerOption, isPattern, issuerFault, issuerMatcher } from '../jwt/issuers.ts'
import { localKeys, type RemoteKeysOptions, remoteKeys } from '../jwt/jwks.ts'
import {
  boundAlgorithm,
  issuerOfJwk,
  type KeySource,
  publicKey,
  secretKey,
  UNKNOWN_KEY,
  verificationKey,
} from '../jwt/keys.ts'
import {
  mediaType,
  type SourceOf,
  type TokenRules,
  type TokenVerdict,
  tokenVerifier,
} from '../jwt/verifier.ts'
import {
  amount,
  anything,
  assertOptions,
  callable,
  count,
  flag,
  isText,
  isTexts,
  nullOr,
  type OptionTable,
  origins,
  text,
  textOrTexts,
  token,
} from '../options.ts'
import { type Fetch, outboundUrl } from '../outbound.ts'
import { makePrincipal, type PrincipalFields } from '../principal.ts'
import { invalidToken, Problem } from '../problem.ts'
import { type Callbacks, callbacks, type ToPrincipal } from './callback.ts'
import type { Method, MethodContext, MethodOutcome, MethodPlan } from './method.ts'

export interface JwtOptions {
  /** For HS256, HS384, HS512: at least 32, 48 or 64 bytes. */
  secret?: string | Uint8Array | undefined
  /** PEM text, a JWK or a KeyObject. */
  publicKey?: string | JsonWebKey | KeyObject | undefined
  /** The URL of a JWK set, which is fetched on demand, or the set itself. */
  jwks?: string | { keys: readonly JsonWebKey[] } | undefined
  /**
   * Where the metadata of the issuer is found that names its JWK set: an issuer, or the whole address. Without any key,
   * the metadata of `issuer` itself is used (`/.well-known/openid-configuration`, RFC 8414).
   */
  discovery?: string | undefined
  /**
   * Accepted issuers (`iss`). A pattern such as `https://login.microsoftonline.com/{tenantid}/v2.0` accepts every tenant
   * whose id is also in the token (`{tenantid}` is the claim `tid`, any other placeholder the claim of its name). A
   * function decides itself, for every request; without a key, the keys of each issuer that it accepts are discovered.
   * Null accepts any issuer with this key.
   */
  issuer: IssuerOption
  /** Accepted audiences: `aud` must contain one of them; null also accepts tokens for other audiences. */
  audience: string | readonly string[] | null
  /** Accepted algorithms. By default that of the key: HS256 for a secret; RS256, ES256 … for a public key. */
  algorithms?: readonly (Algorithm | 'Ed25519')[] | undefined
  /** Accepted `typ` headers; by default `JWT`, `at+jwt`, and '' for a token without one. */
  types?: readonly string[] | undefined
  /**
   * Tolerated difference between the clocks of the issuer and this machine, in seconds. By default 60 for tokens from
   * the future (`iat`, `nbf`), and 5 for expired ones (`exp`).
   */
  clockTolerance?: number | undefined
  /** Seconds since `iat` after which a token counts as expired, even if its `exp` is later; `iat` is then required. */
  maxTokenAge?: number | undefined
  /** Names of claims that must be present, or their values: `{ token_use: 'access', client_id: ['web', 'cli'] }`. */
  requiredClaims?: RequiredClaims | undefined
  /** Also accepts the token in this cookie; unsafe methods from the same origin only. */
  cookie?: string | undefined
  /** Other origins that may send unsafe requests with the cookie: `['https://app.example.com']`. */
  origins?: readonly string[] | undefined
  /** Also accepts the token in this query parameter. URLs are recorded in logs and browser histories. */
  query?: string | undefined
  /**
   * Converts claims to the fields of a principal; by default `sub`, `username`, `role`, `roles`, `permissions`, `org`,
   * `scope` and `scp`. Where it leaves out roles, permissions, scopes or the organization, there are none; only the
   * session, `jti`, `amr`, `acr` and times are those of the token. It is called once for each token; the principal is
   * cached with it.
   */
  principal?: ToPrincipal<Claims> | undefined
  /** The number of verified tokens that are cached; 10,000 by default, 0 for none. */
  cacheSize?: number | undefined
  /** Allows fetching metadata and a JWK set from another machine over plain http, for a trusted network. */
  allowHttp?: boolean | undefined
  /**
   * Timeout in milliseconds: for fetching, 3,000 by default, and for each callback, 10,000 by default.
   */
  timeout?: number | undefined
  /** Replaces the global `fetch`. */
  fetch?: Fetch | undefined
}

const OPTIONS: OptionTable<JwtOptions> = {
  secret: (value) => (typeof value === 'string' || value instanceof Uint8Array ? null : 'a string or bytes'),
  publicKey: anything,
  jwks: (value) =>
    isText(value) || Array.isArray((value as { keys?: unknown } | null)?.keys)
      ? null
      : 'a URL, or an object with a list of `keys`',
  discovery: text,
  issuer: issuerFault,
  audience: nullOr(textOrTexts),
  algorithms: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((alg) => algorithmNamed(alg) !== null)
      ? null
      : `a list of some of ${ALGORITHM_NAMES.join(', ')}`,
  types: (value) => (isTexts(value) && value.length > 0 ? null : 'a list of media types'),
  clockTolerance: amount('seconds', 0, 3600),
  maxTokenAge: amount('seconds', 1, 1e9),
  requiredClaims: requiredClaimsFault,
  cookie: token,
  origins,
  query: text,
  principal: callable,
  cacheSize: count(0, 10_000_000),
  allowHttp: flag,
  timeout: amount('milliseconds', 1, 600_000),
  fetch: callable,
}

/** Bound on the issuers of a function whose keys are kept. */
const MAX_ISSUERS = 100

/**
 * Accepts `Authorization: Bearer <JWT>` signed by one of the configured keys. The key determines the algorithm; the
 * header of a token does not.
 *
 * @param options at most one of `secret`, `publicKey`, `jwks` and `discovery`; `issuer` and `audience` (RFC 8725 §3.8, §3.9)
 * @returns a method for {@link createGuard}
 * @throws TypeError (from `createGuard`) for a short secret, a private key, an algorithm that does not match the key, and
 *   for options that are misspelt or can never match
 * @see RFC 7519 for the claims, RFC 8725 for the checks
 */
export function jwt(options: JwtOptions): MethodPlan {
  return { name: 'jwt', open: (context) => openJwt(options, context) }
}

function openJwt(options: JwtOptions, { now, report }: MethodContext): Method {
  assertOptions('jwt()', options, OPTIONS)
  const { issuer, audience, cookie, query, origins: others = [] } = options
  if (issuer === undefined || audience === undefined)
    throw new TypeError('jwt() requires `issuer` and `audience`; null accepts any')
  const calls = callbacks({
    owner: 'jwt()',
    method: 'jwt',
    refusal: 'INVALID_TOKEN',
    timeout: options.timeout,
  })
  const sourceOf = keysOf(options, {
    algorithms: algorithmsIn(options),
    now,
    fetch: options.fetch ?? globalThis.fetch,
    timeout: options.timeout ?? 3000,
    onFailure: report,
  })
  const verifier = tokenVerifier(sourceOf, rulesOf(options, calls), options.cacheSize ?? 10_000, now)
  return {
    name: 'jwt',
    schemes: ['Bearer'],
    sources: {
      headers: [],
      query: [],
      tokenQuery: query === undefined ? [] : [query],
      cookies: cookie === undefined ? [] : [cookie],
      // the cookie of the app yields to any header field
      recognizes: ({ kind, value }) => cookie !== undefined || (kind === 'bearer' && value.includes('.')),
    },
    authenticate({ explicit, cookies }, request) {
      const sent = explicit ?? (cookie === undefined ? undefined : cookies.get(cookie))
      if (sent === undefined) return undefined
      if (sent === null) return invalidToken('the cookie was sent twice')
      if (sent.kind !== 'bearer' && sent.kind !== 'cookie') return undefined
      // a cookie that is too long is invalid, not absent
      if (sent.isTooLong) return sent.kind === 'cookie' ? invalidToken('the cookie is too long') : undefined
      const foreign = sent.kind === 'cookie' ? checkOriginOf(request, others) : null
      if (foreign !== null) return foreign
      const verdict = verifier.verify(sent)
      const outcome = verdict instanceof Promise ? verdict.then(outcomeOf) : outcomeOf(verdict)
      // a cookie that is no token of this issuer is invalid, not absent
      if (sent.kind !== 'cookie') return outcome
      return outcome instanceof Promise ? outcome.then(refuseUnknown) : refuseUnknown(outcome)
    },
  }
}

const refuseUnknown = (outcome: MethodOutcome): MethodOutcome =>
  outcome ?? invalidToken('the cookie contains no token of this issuer')

function outcomeOf(verdict: TokenVerdict | undefined): MethodOutcome {
  if (verdict === UNKNOWN_KEY) return invalidToken('the kid is unknown')
  return verdict === undefined || verdict instanceof Problem ? verdict : verdict.principal
}

function rulesOf(options: JwtOptions, { call, principalOf }: Callbacks): TokenRules {
  const { issuer, principal } = options
  const issuers = listOf(typeof issuer === 'function' ? null : issuer)
  const isExpected = issuers === null ? () => true : issuerMatcher(issuers)
  return {
    isIssuer(claims) {
      const { iss } = claims
      if (typeof issuer !== 'function') return isExpected(claims)
      if (typeof iss !== 'string') return false
      return call(
        'issuer',
        () => issuer(iss),
        (isAccepted: unknown): boolean => {
          if (typeof isAccepted !== 'boolean') throw new TypeError('true or false is required')
          return isAccepted
        },
      )
    },
    hasIssuerCallback: typeof issuer === 'function',
    audiences: listOf(options.audience),
    types: (options.types ?? ['JWT', 'at+jwt', '']).map(mediaType),
    tolerance: toleranceOf(options.clockTolerance),
    maxAge: options.maxTokenAge ?? null,
    required: options.requiredClaims ?? [],
    isLatchkey: false,
    principalOf(claims) {
      const own = fieldsOfClaims(claims)
      if (principal !== undefined) return principalOf(claims, principal, factsOfSignIn(own))
      return principalOfClaims(claims, own, 'jwt')
    },
  }
}

/** What a token says about itself and its sign-in. A `principal` callback replaces the rest: every grant is its own. */
const factsOfSignIn = (own: PrincipalFields): Partial<PrincipalFields> => ({
  sessionId: own.sessionId,
  tokenId: own.tokenId,
  amr: own.amr,
  acr: own.acr,
  authenticatedAt: own.authenticatedAt,
  expiresAt: own.expiresAt,
})

/** The principal of claims with the names that Latchkey and RFC 9068 use. */
export function principalOfClaims(claims: Claims, fields: PrincipalFields, method: string) {
  if (fields.userId === '') return invalidToken('sub is missing')
  if (!isTextsOrNot(claims.roles) || !isTextsOrNot(claims.permissions))
    return invalidToken('roles or permissions are not arrays of strings')
  return makePrincipal(fields, method, claims, true)
}

type RemoteOptions = Omit<RemoteKeysOptions, 'url'>

function keysOf(options: JwtOptions, remote: RemoteOptions): SourceOf {
  const { secret, publicKey: pub, jwks, discovery } = options
  const algorithms = algorithmsIn(options)
  if ([secret, pub, jwks, discovery].filter((given) => given !== undefined).length > 1)
    throw new TypeError('jwt() takes only one of `secret`, `publicKey`, `jwks` and `discovery`')
  const always =
    (source: KeySource): SourceOf =>
    () =>
      source
  if (typeof jwks === 'string')
    return always(remoteKeys({ ...remote, url: outboundUrl(jwks, options.allowHttp ?? false).href }))
  if (jwks !== undefined) return always(localKeys(jwks.keys, algorithms))
  if (secret !== undefined) return always(single(secretKey(secret, symmetricAlgorithm(algorithms))))
  if (pub !== undefined) {
    const key = publicKey(pub)
    const issuer = typeof pub === 'string' || pub instanceof KeyObject ? null : issuerOfJwk(pub)
    return always(single(verificationKey(key, boundAlgorithm(key, undefined, algorithms), null, issuer)))
  }
  return discoveredKeysOf(options, remote)
}

function discoveredKeysOf(options: JwtOptions, remote: RemoteOptions): SourceOf {
  const { issuer, discovery } = options
  const open = (base: string, isExpected: (named: string) => boolean): KeySource => {
    const { fetch, now, timeout } = remote
    const allowHttp = options.allowHttp ?? false
    return remoteKeys({
      ...remote,
      url: discoveredLocation({ base, isExpected, fetch, now, timeout, allowHttp }),
    })
  }
  if (issuer === null)
    throw new TypeError('jwt() requires one of `secret`, `publicKey`, `jwks` and `discovery`, or an issuer')
  if (typeof issuer === 'function') {
    if (discovery !== undefined)
      throw new TypeError('jwt(): an `issuer` function has the keys of each issuer; it excludes `discovery`')
    return discoveredByIssuer((iss) => open(iss, (named) => named === iss))
  }
  const issuers = listOf(issuer) ?? []
  if (discovery !== undefined) {
    const source = open(discovery, (named) => issuers.includes(named))
    return () => source
  }
  // Entra publishes the keys of all tenants under this name, in metadata whose issuer is the pattern
  const baseOf = (one: string): string => one.replace('{tenantid}', 'common')
  const pattern = issuers.find((one) => isPattern(baseOf(one)))
  if (pattern !== undefined) throw new TypeError(`jwt(): ${pattern} requires \`jwks\` or \`discovery\``)
  const sources = issuers.map((one) => ({
    isOf: issuerMatcher([one]),
    source: open(baseOf(one), (named) => named === one),
  }))
  return (claims) => sources.find(({ isOf }) => isOf(claims))?.source ?? NO_KEYS
}

/** One source for each issuer; those that were not used lately are dropped. */
function discoveredByIssuer(open: (issuer: string) => KeySource): SourceOf {
  const sources = boundedCache<KeySource>(MAX_ISSUERS)
  return ({ iss }) => {
    if (typeof iss !== 'string') return NO_KEYS
    const known = sources.get(iss)
    if (known !== undefined) return known
    try {
      const source = open(iss)
      sources.set(iss, source)
      return source
    } catch (error) {
      return refusing(invalidToken('the keys of the issuer cannot be discovered', error))
    }
  }
}

const refusing = (problem: Problem): KeySource => ({ ready: () => problem, find: () => problem })
const NO_KEYS = refusing(invalidToken('the issuer has no keys'))

function algorithmsIn({ algorithms }: JwtOptions): readonly Algorithm[] | undefined {
  return algorithms?.flatMap((alg) => algorithmNamed(alg) ?? [])
}

function symmetricAlgorithm(algorithms: readonly Algorithm[] = ['HS256']): Algorithm {
  const [alg, other] = algorithms
  if (alg === undefined || other !== undefined || !isSymmetric(alg))
    throw new TypeError('a secret requires exactly one of the algorithms HS256, HS384 and HS512')
  return alg
}

/** A single key: `kid` is ignored, the algorithm must match. */
const single = (key: ReturnType<typeof verificationKey>): KeySource => ({
  ready: () => null,
  find: (_kid, alg) => (alg === key.alg ? key : invalidToken('the key is bound to another algorithm')),
})

const listOf = (value: string | readonly string[] | null): readonly string[] | null =>
  typeof value === 'string' ? [value] : value
