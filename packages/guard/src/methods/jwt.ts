/** The `jwt` method: JWTs of any issuer, verified with a secret, a public key or a JWK set. */
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { type Algorithm, isAlgorithm, isSymmetric } from '../jwt/algorithms.ts'
import { localKeys, remoteKeys } from '../jwt/jwks.ts'
import {
  boundAlgorithm,
  type KeySource,
  publicKey,
  secretKey,
  UNKNOWN_KEY,
  verificationKey,
} from '../jwt/keys.ts'
import { type Claims, type TokenVerdict, tokenVerifier } from '../jwt/verifier.ts'
import { type Fetch, outboundUrl } from '../outbound.ts'
import type { PrincipalFields } from '../principal.ts'
import { invalidToken, Problem } from '../problem.ts'
import { type Method, type MethodContext, type MethodOutcome, type MethodPlan, NO_SOURCES } from './method.ts'

export interface JwtOptions {
  /** For HS256, HS384, HS512: at least 32, 48 or 64 bytes. */
  secret?: string | Uint8Array | undefined
  /** PEM text, a JWK or a KeyObject. */
  publicKey?: string | JsonWebKey | KeyObject | undefined
  /** The URL of a JWK set, which is fetched on demand, or the set itself. */
  jwks?: string | { keys: readonly JsonWebKey[] } | undefined
  /** Accepted issuers (`iss`); null accepts any issuer with this key. */
  issuer: string | readonly string[] | null
  /** Accepted audiences: `aud` must contain one of them; null also accepts tokens for other audiences. */
  audience: string | readonly string[] | null
  /** Accepted algorithms. By default that of the key: HS256 for a secret; RS256, ES256 … for a public key. */
  algorithms?: readonly Algorithm[] | undefined
  /** Accepted `typ` headers; by default `JWT`, `at+jwt`, and '' for a token without one. */
  types?: readonly string[] | undefined
  /** Tolerated clock difference in seconds; 5 by default. */
  clockTolerance?: number | undefined
  /** Converts claims to the fields of a principal; by default `sub`, `username`, `role`, `roles`, `permissions`, `org`. */
  principal?: ((claims: Claims) => PrincipalFields) | undefined
  /** The number of verified tokens that are cached; 10,000 by default. */
  cacheSize?: number | undefined
  /** Allows fetching a JWK set from another machine over plain http, for a trusted network. */
  allowHttp?: boolean | undefined
  /** Timeout for fetching the set, in milliseconds; 3,000 by default. */
  timeout?: number | undefined
  /** Replaces the global `fetch`. */
  fetch?: Fetch | undefined
}

/**
 * Accepts `Authorization: Bearer <JWT>` signed by one of the configured keys. The key determines the algorithm; the
 * header of a token does not.
 *
 * @param options exactly one of `secret`, `publicKey` and `jwks`; `issuer` and `audience` (RFC 8725 §3.8, §3.9)
 * @returns a method for {@link createGuard}
 * @throws TypeError (from `createGuard`) for a short secret, a private key, an algorithm that does not match the key
 * @see RFC 7519 for the claims, RFC 8725 for the checks
 */
export function jwt(options: JwtOptions): MethodPlan {
  return { name: 'jwt', open: (context) => openJwt(options, context) }
}

function openJwt(options: JwtOptions, { now, report }: MethodContext): Method {
  const { issuer, audience, algorithms } = options
  if (issuer === undefined || audience === undefined)
    throw new TypeError('jwt() requires `issuer` and `audience`; null accepts any')
  const wrong = algorithms?.find((alg) => !isAlgorithm(alg))
  if (wrong !== undefined || algorithms?.length === 0)
    throw new TypeError(wrong === undefined ? '`algorithms` is empty' : `unknown algorithm ${wrong}`)
  const keys = keysOf(options, (url) =>
    remoteKeys({
      url,
      algorithms,
      now,
      fetch: options.fetch ?? globalThis.fetch,
      timeout: options.timeout ?? 3000,
      onFailure: report,
    }),
  )
  const rules = {
    issuers: listOf(issuer),
    audiences: listOf(audience),
    types: (options.types ?? ['jwt', 'at+jwt', '']).map((type) => type.toLowerCase()),
    tolerance: options.clockTolerance ?? 5,
    method: 'jwt',
    isLatchkey: false,
    toPrincipal: options.principal,
  }
  const verifier = tokenVerifier(keys, rules, options.cacheSize ?? 10_000, now)
  return {
    name: 'jwt',
    schemes: ['Bearer'],
    sources: NO_SOURCES,
    authenticate({ explicit: sent }) {
      if (sent === null || sent.kind !== 'bearer' || sent.isTooLong) return undefined
      const verdict = verifier.verify(sent)
      return verdict instanceof Promise ? verdict.then(outcomeOf) : outcomeOf(verdict)
    },
  }
}

function outcomeOf(verdict: TokenVerdict | undefined): MethodOutcome {
  if (verdict === UNKNOWN_KEY) return invalidToken('the kid is unknown')
  return verdict === undefined || verdict instanceof Problem ? verdict : verdict.principal
}

function keysOf(options: JwtOptions, remote: (url: string) => KeySource): KeySource {
  const { secret, publicKey: pub, jwks, algorithms } = options
  if ([secret, pub, jwks].filter((given) => given !== undefined).length !== 1)
    throw new TypeError('jwt() requires exactly one of `secret`, `publicKey` and `jwks`')
  if (typeof jwks === 'string') return remote(outboundUrl(jwks, options.allowHttp ?? false).href)
  if (jwks !== undefined) return localKeys(jwks.keys, algorithms)
  if (secret !== undefined) return single(secretKey(secret, symmetricAlgorithm(algorithms)))
  const key = publicKey(pub ?? '')
  return single(verificationKey(key, boundAlgorithm(key, undefined, algorithms), null))
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
