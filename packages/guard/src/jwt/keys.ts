/**
 * Verification keys, each bound to one algorithm when it is loaded. A key source finds the key with a given `kid` and
 * algorithm. Other header parameters of a token (`jwk`, `jku`, `x5u`, `x5c` …) are never used.
 */
import { createPublicKey, createSecretKey, type JsonWebKey, KeyObject } from 'node:crypto'
import { isText } from '../options.ts'
import { invalidToken, type Problem } from '../problem.ts'
import {
  type Algorithm,
  algorithmNamed,
  algorithmsOf,
  isSymmetric,
  mismatch,
  signatureVerifier,
} from './algorithms.ts'

export interface VerificationKey {
  readonly kid: string | null
  readonly alg: Algorithm
  /** The issuer whose tokens the key may sign, as its JWK says, possibly a pattern; null: any issuer of the set. */
  readonly issuer: string | null
  /** False once the key was removed from its set: its signatures are then invalid. */
  isLive: boolean
  isSignatureOf(data: string, signature: Buffer): boolean
}

/** No key has this `kid`. */
export const UNKNOWN_KEY = Symbol('no key has this kid')
export type FoundKey = VerificationKey | Problem | typeof UNKNOWN_KEY

export interface KeySource {
  /** The key with this `kid` (undefined: a token without one) that is bound to this algorithm. */
  find(kid: string | undefined, alg: Algorithm): FoundKey | Promise<FoundKey>
  /**
   * Whether the cached keys may be used.
   *
   * @returns null where they may; otherwise the problem, or a promise that fetches the keys
   */
  ready(): null | Problem | Promise<Problem | null>
}

export function verificationKey(
  key: KeyObject,
  alg: Algorithm,
  kid: string | null,
  issuer: string | null = null,
): VerificationKey {
  const wrong = mismatch(alg, key)
  if (wrong !== null) throw new TypeError(wrong)
  return {
    kid,
    alg,
    issuer,
    isLive: true,
    isSignatureOf: signatureVerifier(key, alg),
  }
}

/**
 * @param secret at least 32 bytes for HS256, 48 for HS384, 64 for HS512 (RFC 7518 §3.2)
 * @throws TypeError for a shorter secret, and for a PEM key in place of a secret
 */
export function secretKey(
  secret: string | Uint8Array,
  alg: Algorithm,
  kid: string | null = null,
): VerificationKey {
  const bytes = Buffer.from(secret as Uint8Array)
  if (!isSymmetric(alg)) throw new TypeError(`${alg} requires a public key, not a secret`)
  if (bytes.includes('-----BEGIN')) throw new TypeError('a PEM key is not a secret: pass it as `publicKey`')
  return verificationKey(createSecretKey(bytes), alg, kid)
}

/** @param given PEM text, a JWK, or a KeyObject. @throws TypeError for anything that is no public key */
export function publicKey(given: string | JsonWebKey | KeyObject): KeyObject {
  if (given instanceof KeyObject) {
    if (given.type === 'public') return given
    throw new TypeError(`this is a ${given.type} key; pass the public key`)
  }
  const isPrivate = typeof given === 'string' ? given.includes('PRIVATE KEY') : given.d !== undefined
  if (isPrivate) throw new TypeError('this is a private key; pass the public key')
  return typeof given === 'string' ? createPublicKey(given) : createPublicKey({ key: given, format: 'jwk' })
}

/** The algorithm of a key: the one that it names, the only allowed one, or the most common one of its type. */
export function boundAlgorithm(
  key: KeyObject,
  named: unknown,
  allowed: readonly Algorithm[] | undefined,
): Algorithm {
  const fitting = algorithmsOf(key).filter((alg) => allowed === undefined || allowed.includes(alg))
  if (named !== undefined) {
    const wanted = algorithmNamed(named)
    const alg = fitting.find((one) => one === wanted)
    if (alg === undefined) throw new TypeError(`the key cannot be used with ${String(named)}`)
    return alg
  }
  const [usual, other] = fitting
  if (usual === undefined) throw new TypeError('the key cannot be used with any of the algorithms')
  if (other !== undefined && allowed !== undefined && allowed.length > 1)
    throw new TypeError(`the key can be used with ${fitting.join(' and ')}: allow one of them`)
  return usual
}

/**
 * A key of a JWK set (RFC 7517 §4), bound to its algorithm.
 *
 * @throws TypeError for a key that is not for verification, private, malformed or too weak
 */
export function keyOfJwk(
  jwk: JsonWebKey,
  allowed?: readonly Algorithm[],
  symmetric = false,
): VerificationKey {
  if (jwk.use !== undefined && jwk.use !== 'sig') throw new TypeError('the key is not for signatures')
  if (Array.isArray(jwk.key_ops) && !jwk.key_ops.includes('verify'))
    throw new TypeError('the key is not for verifying')
  const kid = typeof jwk.kid === 'string' ? jwk.kid : null
  if (jwk.kty === 'oct') {
    if (!symmetric || typeof jwk.k !== 'string')
      throw new TypeError('a published set must not contain secrets')
    const alg = algorithmNamed(jwk.alg)
    if (alg === null) throw new TypeError('a symmetric key must have an alg')
    return secretKey(Buffer.from(jwk.k, 'base64url'), alg, kid)
  }
  const key = publicKey(jwk)
  return verificationKey(key, boundAlgorithm(key, jwk.alg, allowed), kid, issuerOfJwk(jwk))
}

/**
 * The issuer to which a JWK restricts its key, as a set for many tenants does (Microsoft Entra); null for any.
 *
 * @throws TypeError for a restriction that is malformed, which must not count as none
 */
export function issuerOfJwk({ issuer }: JsonWebKey): string | null {
  if (issuer === undefined) return null
  if (isText(issuer)) return issuer
  throw new TypeError('the issuer of the key is malformed')
}

/** Of all keys the one that fits; a `kid` whose keys have another algorithm is no unknown one. */
export function selectKey(
  keys: readonly VerificationKey[],
  kid: string | undefined,
  alg: Algorithm,
): FoundKey {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid)
  if (named.length === 0) return UNKNOWN_KEY
  const [fitting, other] = named.filter((key) => key.alg === alg)
  if (fitting === undefined) return invalidToken('the key is bound to another algorithm')
  // only an unambiguous key: another one is not tried
  if (other === undefined) return fitting
  return invalidToken(
    kid === undefined ? 'several keys fit, and the header has no kid' : 'several keys have this kid',
  )
}
