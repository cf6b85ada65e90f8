/**
 * The signature algorithms of RFC 7518 §3.1 and RFC 8037 §3.1, as one table. A key is bound to one algorithm when it is
 * loaded and verifies with that one only; the `alg` of a token is compared with it (RFC 8725 §3.1).
 */
import { constants, createHmac, createVerify, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { isWorkers } from '../runtime.ts'

interface Row {
  readonly family: 'hmac' | 'rsa' | 'rsa-pss' | 'ec' | 'ed25519'
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  /** The name of the curve in OpenSSL. */
  readonly curve?: string
  /** Length of a signature, where it is fixed; for hmac also the minimum length of a secret (RFC 7518 §3.2). */
  readonly bytes?: number
}

// biome-ignore format: a table
const ALGORITHMS = {
  HS256: { family: 'hmac', hash: 'sha256', bytes: 32 },
  HS384: { family: 'hmac', hash: 'sha384', bytes: 48 },
  HS512: { family: 'hmac', hash: 'sha512', bytes: 64 },
  RS256: { family: 'rsa', hash: 'sha256' },
  RS384: { family: 'rsa', hash: 'sha384' },
  RS512: { family: 'rsa', hash: 'sha512' },
  PS256: { family: 'rsa-pss', hash: 'sha256' },
  PS384: { family: 'rsa-pss', hash: 'sha384' },
  PS512: { family: 'rsa-pss', hash: 'sha512' },
  ES256: { family: 'ec', hash: 'sha256', curve: 'prime256v1', bytes: 64 },
  ES384: { family: 'ec', hash: 'sha384', curve: 'secp384r1', bytes: 96 },
  ES512: { family: 'ec', hash: 'sha512', curve: 'secp521r1', bytes: 132 },
  EdDSA: { family: 'ed25519', hash: null, bytes: 64 },
} as const satisfies Record<string, Row>

/** A supported `alg` (RFC 7515 §4.1.1); `none` is not supported. */
export type Algorithm = keyof typeof ALGORITHMS

/** RFC 9864 §2.2: EdDSA with Ed25519, the only supported curve, has this name as well. */
const FULLY_SPECIFIED: ReadonlyMap<unknown, Algorithm> = new Map([['Ed25519', 'EdDSA']])

/** @returns the algorithm with this name, compared case-sensitively; null where it is not supported */
export const algorithmNamed = (alg: unknown): Algorithm | null =>
  FULLY_SPECIFIED.get(alg) ??
  (typeof alg === 'string' && Object.hasOwn(ALGORITHMS, alg) ? (alg as Algorithm) : null)

/** Every name that a token or an option may use. */
export const ALGORITHM_NAMES: readonly string[] = [...Object.keys(ALGORITHMS), 'Ed25519']

export const isSymmetric = (alg: Algorithm): boolean => ALGORITHMS[alg].family === 'hmac'

/** The algorithms that a key can be used with, the most common one first. */
export function algorithmsOf(key: KeyObject): Algorithm[] {
  return (Object.keys(ALGORITHMS) as Algorithm[]).filter((alg) => mismatch(alg, key) === null)
}

/** @returns why the key cannot be used with the algorithm; null where it can */
export function mismatch(alg: Algorithm, key: KeyObject): string | null {
  const row: Row = ALGORITHMS[alg]
  if (row.family === 'hmac') {
    if (key.type !== 'secret') return `${alg} requires a secret`
    const bytes = key.symmetricKeySize ?? 0
    return bytes < (row.bytes ?? 0)
      ? `a secret for ${alg} must have at least ${row.bytes} bytes; this one has ${bytes}`
      : null
  }
  if (key.type !== 'public') return `${alg} requires a public key`
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  switch (row.family) {
    case 'ec':
      return type === 'ec' && details?.namedCurve === row.curve
        ? null
        : `${alg} requires a key on ${row.curve}`
    case 'ed25519':
      return type === 'ed25519' ? null : `${alg} requires an Ed25519 key`
    default:
      if (type !== 'rsa' && !(type === 'rsa-pss' && row.family === 'rsa-pss'))
        return `${alg} requires an RSA key`
      // RFC 7518 §3.3
      if ((details?.modulusLength ?? 0) < 2048) return `${alg} requires an RSA key of at least 2048 bits`
      return isStrongExponent(details?.publicExponent ?? 0n)
        ? null
        : `${alg} requires an RSA key whose exponent is odd and at least 65537`
  }
}

/** NIST SP 800-56B §6.4.1.1: with the exponent 1, every message is its signature; even ones have no inverse. */
const isStrongExponent = (exponent: bigint): boolean => exponent >= 65537n && exponent % 2n === 1n

/**
 * Verifies signatures with a key, whose options are made once.
 *
 * @param alg the algorithm to which the key is bound, not that of the token's header
 */
export function signatureVerifier(
  key: KeyObject,
  alg: Algorithm,
): (data: string, signature: Buffer) => boolean {
  const row: Row = ALGORITHMS[alg]
  const isSignature = bytesVerifier(key, row)
  return (data, signature) =>
    (row.bytes === undefined || signature.length === row.bytes) &&
    isSignature(Buffer.from(data, 'latin1'), signature)
}

type VerifyBytes = (bytes: Buffer, signature: Buffer) => boolean

function bytesVerifier(key: KeyObject, { family, hash }: Row): VerifyBytes {
  switch (family) {
    case 'hmac':
      return (bytes, signature) =>
        timingSafeEqual(
          createHmac(hash ?? 'sha256', key)
            .update(bytes)
            .digest(),
          signature,
        )
    case 'rsa':
      return (bytes, signature) => verify(hash, bytes, key, signature)
    case 'rsa-pss': {
      const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants
      return verifierWith(hash ?? '', key, { padding, saltLength })
    }
    case 'ec':
      // RFC 7518 §3.4: R and S concatenated, not DER
      return verifierWith(hash ?? '', key, { dsaEncoding: 'ieee-p1363' })
    case 'ed25519':
      return (bytes, signature) => verify(null, bytes, key, signature)
  }
}

interface SignatureOptions {
  padding?: number
  saltLength?: number
  dsaEncoding?: 'ieee-p1363'
}

function verifierWith(hash: string, key: KeyObject, options: SignatureOptions): VerifyBytes {
  if (isWorkers) {
    // Cloudflare Workers refuse a KeyObject with options, and apply them only in `createVerify`
    const pem = { key: key.export({ type: 'spki', format: 'pem' }), ...options }
    return (bytes, signature) => createVerify(hash).update(bytes).verify(pem, signature)
  }
  const bound = { key, ...options }
  return (bytes, signature) => verify(hash, bytes, bound, signature)
}
