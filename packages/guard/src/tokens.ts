/**
 * Verification of Latchkey access tokens with keys in memory. The server verifies its own tokens with it, so that
 * server and guard share one implementation.
 */
import { hash, type JsonWebKey } from 'node:crypto'
import { type Now, systemTime } from './clock.ts'
import { Credential } from './credentials.ts'
import { localKeys } from './jwt/jwks.ts'
import { UNKNOWN_KEY } from './jwt/keys.ts'
import { tokenVerifier, type VerifiedToken } from './jwt/verifier.ts'
import { accessTokenRules } from './methods/latchkey.ts'
import { amount, assertOptions, callable, count, type OptionTable, text, textOrTexts } from './options.ts'
import { invalidToken, type Problem } from './problem.ts'

const HASHER = { digest: (text: string): string => hash('sha256', text, 'base64') }

export interface AccessTokenOptions {
  /** The required `iss`. */
  issuer: string
  /** Accepted audiences: `aud` must contain one of them. The issuer by default; null accepts any, to inspect a token. */
  audience?: string | readonly string[] | null | undefined
  /** Public JWKs, or for HS256 a symmetric one (`kty` `oct`) with `alg`; each with a `kid`. */
  keys: readonly JsonWebKey[]
  /** Tolerated clock difference in seconds; by default 60 for `iat` and `nbf`, and 5 for `exp`. */
  clockTolerance?: number | undefined
  /** The number of verified tokens that are cached; 10,000 by default, 0 for none. */
  cacheSize?: number | undefined
  /** Clock: the current time in milliseconds since the Unix epoch. `Date.now` by default. */
  now?: Now | undefined
}

const OPTIONS: OptionTable<AccessTokenOptions> = {
  issuer: text,
  audience: (value) => (value === null ? null : textOrTexts(value)),
  keys: (value) => (Array.isArray(value) ? null : 'a list of JWKs'),
  clockTolerance: amount('seconds', 0, 3600),
  cacheSize: count(0, 10_000_000),
  now: callable,
}

export interface AccessTokens {
  /**
   * Verifies signature, times, issuer, audience and claims (RFC 9068 §4). Revocation is not checked: that is up to the
   * calling code, by `jti`, `sid` and `sub`.
   *
   * @param token a compact JWT
   * @returns the verified token, or the problem `INVALID_TOKEN` or `TOKEN_EXPIRED`
   */
  check(token: string): VerifiedToken | Problem
  /** Replaces the set of keys; tokens signed by a key that is no longer in it are refused from then on. */
  replaceKeys(keys: readonly JsonWebKey[]): void
}

/**
 * Creates a verifier of Latchkey access tokens that needs no network.
 *
 * @param options issuer, audience and keys
 * @returns an object with `check(token)` and `replaceKeys(keys)`
 * @throws TypeError for an unusable key
 * @see RFC 9068 §4
 */
export function accessTokens(options: AccessTokenOptions): AccessTokens {
  assertOptions('accessTokens()', options, OPTIONS, ['issuer', 'keys'])
  const keys = localKeys(options.keys)
  const rules = accessTokenRules(options)
  const verifier = tokenVerifier(() => keys, rules, options.cacheSize ?? 10_000, options.now ?? systemTime)
  return {
    check(token) {
      const verdict = verifier.verify(new Credential(HASHER, 'bearer', token))
      if (verdict instanceof Promise) throw new TypeError('local keys are synchronous')
      if (verdict === UNKNOWN_KEY) return invalidToken('the kid is unknown')
      return verdict ?? invalidToken('not a JWT of this issuer')
    },
    replaceKeys: (next) => keys.replace(next),
  }
}
