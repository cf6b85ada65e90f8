/**
 * The same check of access tokens that a guard makes, for whoever has the keys at hand: the server protects
 * itself with it, so that the two cannot drift apart.
 */
import { hash, type JsonWebKey } from 'node:crypto'
import { type Now, systemTime } from './clock.ts'
import { Credential } from './credentials.ts'
import { localKeys } from './jwt/jwks.ts'
import { UNKNOWN_KEY } from './jwt/keys.ts'
import { tokenVerifier, type Verified } from './jwt/verifier.ts'
import { accessTokenRules } from './methods/latchkey.ts'
import { type Problem, refusedToken } from './problem.ts'

const HASHER = { digest: (text: string): string => hash('sha256', text, 'base64') }

export interface AccessTokenOptions {
  /** The `iss` of good tokens. */
  issuer: string
  /** One of these stands in `aud`; the issuer by default. */
  audience?: string | readonly string[] | undefined
  /** Public JWKs, or for HS256 a secret one (`kty` `oct`) with its `alg`; each with its `kid`. */
  keys: readonly JsonWebKey[]
  /** In seconds; 5 by default. */
  clockTolerance?: number | undefined
  /** How many verified tokens are remembered; 10,000 by default. */
  cacheSize?: number | undefined
  /** The present in milliseconds since 1970. */
  now?: Now | undefined
}

export interface AccessTokens {
  /**
   * Verifies signature, times, issuer, audience and form; whether the token was revoked is for the caller to ask
   * by its `jti`, `sid` and `sub`.
   */
  check(token: string): Verified | Problem
  /** Takes another set of keys; tokens of a key that is no longer in it are refused from now on. */
  replaceKeys(keys: readonly JsonWebKey[]): void
}

/**
 * @throws TypeError for a key that cannot be used
 * @see RFC 9068 §4
 */
export function accessTokens(options: AccessTokenOptions): AccessTokens {
  const keys = localKeys(options.keys)
  const rules = accessTokenRules(options)
  const verifier = tokenVerifier(keys, rules, options.cacheSize ?? 10_000, options.now ?? systemTime)
  return {
    check(token) {
      const verdict = verifier.verify(new Credential(HASHER, 'bearer', token))
      if (verdict instanceof Promise) throw new TypeError('keys at hand need no waiting')
      if (verdict === UNKNOWN_KEY) return refusedToken('no key has its kid')
      return verdict ?? refusedToken('it is no JWT, or another issuer made it')
    },
    replaceKeys: (next) => keys.replace(next),
  }
}
