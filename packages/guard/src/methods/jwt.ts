/** The `jwt` method: tokens of your own or of another issuer, under a secret, a public key or a published set. */
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
import { Problem, refusedToken } from '../problem.ts'
import { type Attempt, type Method, type MethodPlan, NO_SOURCES, type Surroundings } from './method.ts'

export interface JwtOptions {
  /** For HS256, HS384, HS512; at least as many bytes as the hash has (32, 48, 64). */
  secret?: string | Uint8Array | undefined
  /** PEM text, a JWK or a KeyObject. */
  publicKey?: string | JsonWebKey | KeyObject | undefined
  /** The URL of a JWK set, fetched when it is needed, or the set itself. */
  jwks?: string | { keys: readonly JsonWebKey[] } | undefined
  /** The `iss` to believe; null believes any that the key signed. */
  issuer: string | readonly string[] | null
  /** One of these stands in `aud`; null takes tokens that were made for others, too. */
  audience: string | readonly string[] | null
  /** Those to accept. By default the one of the key: HS256 for a secret, RS256, ES256 … for a public key. */
  algorithms?: readonly Algorithm[] | undefined
  /** The `typ` to accept; by default `JWT`, `at+jwt`, and none at all. */
  types?: readonly string[] | undefined
  /** How far clocks may differ, in seconds; 5 by default. */
  clockTolerance?: number | undefined
  /** From claims to a principal; by default `sub`, `username`, `role`, `roles`, `permissions`, `org`. */
  principal?: ((claims: Claims) => PrincipalFields) | undefined
  /** How many verified tokens are remembered; 10,000 by default. */
  cacheSize?: number | undefined
  /** Allows a JWK set over plain http from another machine, where the network itself is trusted. */
  allowHttp?: boolean | undefined
  /** How long fetching the set may take, in milliseconds; 3,000 by default. */
  timeout?: number | undefined
  /** Instead of the global `fetch`. */
  fetch?: Fetch | undefined
}

/**
 * Accepts `Authorization: Bearer <JWT>` signed by a key that you name. The algorithm belongs to the key; what a
 * token's header asks for is never followed.
 *
 * @param options exactly one of `secret`, `publicKey` and `jwks`; `issuer` and `audience` (RFC 8725 §3.8, §3.9)
 * @returns a method for {@link createGuard}
 * @throws TypeError (from `createGuard`) for a short secret, a private key, an algorithm that the key does not fit
 * @see RFC 7519 for the claims, RFC 8725 for what must be checked
 */
export function jwt(options: JwtOptions): MethodPlan {
  return { name: 'jwt', open: (surroundings) => openJwt(options, surroundings) }
}

function openJwt(options: JwtOptions, { now, report }: Surroundings): Method {
  const { issuer, audience, algorithms } = options
  if (issuer === undefined || audience === undefined)
    throw new TypeError('jwt() takes `issuer` and `audience`; null where any will do')
  const wrong = algorithms?.find((alg) => !isAlgorithm(alg))
  if (wrong !== undefined || algorithms?.length === 0)
    throw new TypeError(`there is no algorithm ${wrong ?? 'left'}`)
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
    isOurs: false,
    toPrincipal: options.principal,
  }
  const verifier = tokenVerifier(keys, rules, options.cacheSize ?? 10_000, now)
  return {
    name: 'jwt',
    schemes: ['Bearer'],
    sources: NO_SOURCES,
    attempt({ explicit: sent }) {
      if (sent === null || sent.kind !== 'bearer' || sent.isTooLong) return undefined
      const verdict = verifier.verify(sent)
      return verdict instanceof Promise ? verdict.then(attemptOf) : attemptOf(verdict)
    },
  }
}

function attemptOf(verdict: TokenVerdict | undefined): Attempt {
  if (verdict === UNKNOWN_KEY) return refusedToken('no key has its kid')
  return verdict === undefined || verdict instanceof Problem ? verdict : verdict.principal
}

function keysOf(options: JwtOptions, remote: (url: string) => KeySource): KeySource {
  const { secret, publicKey: pub, jwks, algorithms } = options
  if ([secret, pub, jwks].filter((given) => given !== undefined).length !== 1)
    throw new TypeError('jwt() takes exactly one of `secret`, `publicKey` and `jwks`')
  if (typeof jwks === 'string') return remote(outboundUrl(jwks, options.allowHttp ?? false).href)
  if (jwks !== undefined) return localKeys(jwks.keys, algorithms)
  if (secret !== undefined) return single(secretKey(secret, symmetricAlgorithm(algorithms)))
  const key = publicKey(pub ?? '')
  return single(verificationKey(key, boundAlgorithm(key, undefined, algorithms), null))
}

function symmetricAlgorithm(algorithms: readonly Algorithm[] = ['HS256']): Algorithm {
  const [alg, other] = algorithms
  if (alg === undefined || other !== undefined || !isSymmetric(alg))
    throw new TypeError('a secret is for one of HS256, HS384 and HS512')
  return alg
}

/** The only key there is: a `kid` does not matter, the algorithm does. */
const single = (key: ReturnType<typeof verificationKey>): KeySource => ({
  ready: () => null,
  find: (_kid, alg) => (alg === key.alg ? key : refusedToken('the key is bound to another algorithm')),
})

const listOf = (value: string | readonly string[] | null): readonly string[] | null =>
  typeof value === 'string' ? [value] : value
