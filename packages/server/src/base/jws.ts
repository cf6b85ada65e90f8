/**
 * Signatures of others (JWS, RFC 7515), verified by a public key that is theirs: assertions of apps, proofs of keys. A key is for
 * the algorithms that its kind permits, and the header of a token only chooses among these (RFC 8725 §3.1): there is no `none`, no
 * shared secret, and a key that a header points at (`jku`, `x5u`) is never fetched. Pure.
 */
import { constants, createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'

export const JWS_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const
export type JwsAlgorithm = (typeof JWS_ALGORITHMS)[number]

export interface Jws {
  header: Readonly<Record<string, unknown>>
  claims: Readonly<Record<string, unknown>>
  /** What is signed. */
  signed: string
  signature: Buffer
}

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/** A signed JWT by its form alone (RFC 7515 §3.1); null for any other text, and for a header that demands more (§4.1.11). */
export function readJws(text: string): Jws | null {
  const [, head = '', body = '', tail = ''] = COMPACT.exec(text) ?? []
  const [header, claims, signature] = [objectOf(head), objectOf(body), bytesOf(tail)]
  if (header === null || claims === null || signature === null || header.crit !== undefined) return null
  return { header, claims, signed: `${head}.${body}`, signature }
}

/** The bytes of base64url as encoders write it: no text has a second spelling. */
function bytesOf(part: string): Buffer | null {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.length > 0 && bytes.toString('base64url') === part ? bytes : null
}

function objectOf(part: string): Record<string, unknown> | null {
  const text = bytesOf(part)?.toString('utf8')
  if (text === undefined) return null
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The algorithm that a header or a key names; `Ed25519` is EdDSA with its only curve here (RFC 9864 §2.2). */
export const jwsAlgorithm = (name: unknown): JwsAlgorithm | null =>
  name === 'Ed25519' ? 'EdDSA' : (JWS_ALGORITHMS.find((one) => one === name) ?? null)

/** The members of a key that are not public (RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Whether it has a private or secret part. */
export const isPrivateJwk = (jwk: object): boolean => PRIVATE.some((name) => Object.hasOwn(jwk, name))

/** The public key of a JWK; null where it cannot be read. */
export function readPublicJwk(jwk: object): KeyObject | null {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  } catch {
    return null
  }
}

/** Why signatures by a key prove nothing, or cost too much to verify; null where it may be used. */
export function publicKeyFault({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details,
}: KeyObject): string | null {
  if (type === 'rsa') {
    const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details ?? {}
    if (bits < 2048 || bits > 8192) return 'Use an RSA key of 2,048 to 8,192 bits.'
    // NIST SP 800-56B §6.4.1.1; every message is its signature by the exponent 1, and a long one takes long
    const isUsual = exponent % 2n === 1n && exponent >= 65_537n && exponent < 2n ** 32n
    return isUsual ? null : 'Use an RSA key with the exponent 65537.'
  }
  if (type === 'ed25519') return null
  return type === 'ec' && details?.namedCurve === 'prime256v1' ? null : 'Use RSA, P-256 or Ed25519.'
}

// biome-ignore format: a table
const ALGORITHMS: Readonly<Record<JwsAlgorithm, { kind: string; hash: string | null; options: object }>> = {
  RS256: { kind: 'rsa', hash: 'sha256', options: {} },
  PS256: { kind: 'rsa', hash: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } },
  // RFC 7518 §3.4: R and S concatenated, not DER
  ES256: { kind: 'ec', hash: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  EdDSA: { kind: 'ed25519', hash: null, options: {} },
}

/** Whether the key is one for the algorithm. */
export const isKeyFor = (key: KeyObject, alg: JwsAlgorithm): boolean =>
  key.type === 'public' && key.asymmetricKeyType === ALGORITHMS[alg].kind && publicKeyFault(key) === null

/** @param alg which the key is for, by `isKeyFor` */
export function isSignedBy({ signed, signature }: Jws, alg: JwsAlgorithm, key: KeyObject): boolean {
  if (!isKeyFor(key, alg)) return false
  const { hash, options } = ALGORITHMS[alg]
  try {
    return verify(hash, Buffer.from(signed), { key, ...options }, signature)
  } catch {
    // a signature of another length
    return false
  }
}

/** The members of a public key that its thumbprint is of, in their order (RFC 7638 §3.2, RFC 8037 §2). */
const THUMBPRINT: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/** The JWK SHA-256 thumbprint (RFC 7638) in base64url. */
export function thumbprintOf(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' }) as Readonly<Record<string, unknown>>
  const members = (THUMBPRINT[String(jwk.kty)] ?? []).map((name) => [name, jwk[name]])
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('base64url')
}

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e11

/** A time of a claim (RFC 7519 §2, NumericDate) in milliseconds; null for any other value. */
export const timeOfClaim = (value: unknown): number | null => (isTime(value) ? value * 1000 : null)
