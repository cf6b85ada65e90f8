/**
 * Verification keys, each bound to one algorithm when it is loaded. A set of them answers one question: which
 * key has this `kid` and this algorithm. What a token's header says beyond that (`jwk`, `jku`, `x5c` …) is
 * never asked.
 */
import { createPublicKey, createSecretKey, type JsonWebKey, KeyObject } from 'node:crypto'
import type { Problem } from '../problem.ts'
import { type Algorithm, algorithmsOf, isAlgorithm, isSignedBy, isSymmetric, unfit } from './algorithms.ts'

export interface VerificationKey {
  readonly kid: string | null
  readonly alg: Algorithm
  /** False once its set has dropped it: then nothing it signed is believed any longer. */
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
   * Whether the keys at hand may be used as they are.
   *
   * @returns null where they may; else what to wait for, or why there are none
   */
  ready(): null | Problem | Promise<Problem | null>
}

export function verificationKey(key: KeyObject, alg: Algorithm, kid: string | null): VerificationKey {
  const wrong = unfit(alg, key)
  if (wrong !== null) throw new TypeError(wrong)
  return { kid, alg, isLive: true, isSignatureOf: (data, signature) => isSignedBy(key, alg, data, signature) }
}

/**
 * @param secret at least 32 bytes for HS256, 48 for HS384, 64 for HS512 (RFC 7518 §3.2)
 * @throws TypeError for a short one, and for a public key given as a secret
 */
export function secretKey(
  secret: string | Uint8Array,
  alg: Algorithm,
  kid: string | null = null,
): VerificationKey {
  const bytes = Buffer.from(secret as Uint8Array)
  if (!isSymmetric(alg)) throw new TypeError(`${alg} takes a public key, not a secret`)
  if (bytes.includes('-----BEGIN')) throw new TypeError('a PEM key is not a secret: give it as `publicKey`')
  return verificationKey(createSecretKey(bytes), alg, kid)
}

/** @param given PEM text, a JWK, or a KeyObject. @throws TypeError for anything that is no public key */
export function publicKey(given: string | JsonWebKey | KeyObject): KeyObject {
  if (given instanceof KeyObject) {
    if (given.type === 'public') return given
    throw new TypeError(`this is a ${given.type} key; the guard needs the public one alone`)
  }
  const isPrivate = typeof given === 'string' ? given.includes('PRIVATE KEY') : given.d !== undefined
  if (isPrivate) throw new TypeError('this is a private key; the guard needs the public one alone')
  return typeof given === 'string' ? createPublicKey(given) : createPublicKey({ key: given, format: 'jwk' })
}

/** Which algorithm a key is bound to: the one it names, the only one allowed, or the usual one of its kind. */
export function boundAlgorithm(
  key: KeyObject,
  named: unknown,
  allowed: readonly Algorithm[] | undefined,
): Algorithm {
  const fitting = algorithmsOf(key).filter((alg) => allowed === undefined || allowed.includes(alg))
  if (named !== undefined) {
    const alg = fitting.find((one) => one === named)
    if (alg === undefined) throw new TypeError(`the key cannot be used with ${String(named)}`)
    return alg
  }
  const [usual, other] = fitting
  if (usual === undefined) throw new TypeError('the key fits none of the algorithms')
  if (other !== undefined && allowed !== undefined && allowed.length > 1)
    throw new TypeError(`the key fits ${fitting.join(' and ')}: allow one of them`)
  return usual
}

/**
 * A key of a JWK set (RFC 7517 §4), bound to its algorithm.
 *
 * @throws TypeError where it is for something else than verifying, private, broken or too weak
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
  // RFC 9864 §2.2 has a new name for the only curve that EdDSA stands for here
  const named = jwk.alg === 'Ed25519' ? 'EdDSA' : jwk.alg
  if (jwk.kty === 'oct') {
    if (!symmetric || typeof jwk.k !== 'string') throw new TypeError('a published set has no secrets')
    if (!isAlgorithm(named)) throw new TypeError('a secret names its algorithm')
    return secretKey(Buffer.from(jwk.k, 'base64url'), named, kid)
  }
  const key = publicKey(jwk)
  return verificationKey(key, boundAlgorithm(key, named, allowed), kid)
}

/** Of all keys the one that fits; a `kid` whose keys have another algorithm is no unknown one. */
export function choose(
  keys: readonly VerificationKey[],
  kid: string | undefined,
  alg: Algorithm,
): VerificationKey | typeof UNKNOWN_KEY | null {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid)
  if (named.length === 0) return UNKNOWN_KEY
  const fitting = named.filter((key) => key.alg === alg)
  // without a kid, only where there is no choice
  return fitting.length === 1 ? (fitting[0] ?? null) : null
}
