/**
 * Key material, one row per algorithm: generation, publication and signing (RFC 7518 §3.1, RFC 8037 §3.1).
 * Invariant: a private key leaves this file only sealed.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { Keyring } from '../../base/crypto.ts'
import type { Eventual } from '../../base/eventual.ts'
import { newId } from '../../base/ids.ts'
import type { SigningKeysTable } from './tables.ts'

export type SigningAlgorithm = SigningKeysTable['algorithm']

/** The stored fields of a key. */
export type Material = Pick<SigningKeysTable, 'kid' | 'algorithm' | 'sealed_private'> & {
  publicJwk: JsonWebKey | null
}

const generate = promisify(generateKeyPair)
/** The form with a callback is that of the thread pool. */
const signPooled = promisify<string, Buffer, KeyObject, Buffer>(sign)
type Pair = { privateKey: KeyObject; publicKey: KeyObject }

// biome-ignore format: a table
const PAIRS: Readonly<Record<Exclude<SigningAlgorithm, 'HS256'>, () => Promise<Pair>>> = {
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  EdDSA: () => generate('ed25519'),
}

// biome-ignore format: a table
const SIGN: Readonly<Record<SigningAlgorithm, (key: KeyObject, data: Buffer) => Buffer>> = {
  // RFC 7518 §3.4: the concatenation of R and S, not DER
  ES256: (key, data) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
  RS256: (key, data) => sign('sha256', data, key),
  EdDSA: (key, data) => sign(null, data, key),
  HS256: (key, data) => createHmac('sha256', key).update(data).digest(),
}

/** Generates a key pair with its private key sealed. */
export async function generateSealedPair(ring: Keyring, algorithm: keyof typeof PAIRS): Promise<Material> {
  const { privateKey } = await PAIRS[algorithm]()
  const kid = newId('sig')
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  return {
    kid,
    algorithm,
    // RFC 7517 §4
    publicJwk: { ...jwk, kid, alg: algorithm, use: 'sig' },
    sealed_private: ring.encrypt('keys', String(pem)),
  }
}

/** The configured secret as a key; the same secret gives the same key on every node. */
export function keyOfSecret(ring: Keyring, secret: string): Material {
  const kid = `sig_${createHmac('sha256', secret).update('kid').digest('base64url').slice(0, 22)}`
  return { kid, algorithm: 'HS256', publicJwk: null, sealed_private: ring.encrypt('keys', secret) }
}

/** A key that signs. */
export interface Signer {
  sign(data: Buffer): Buffer
  /** RSA on the thread pool, because a signature takes ten times as long as one of a curve; the others at once. */
  signEventually(data: Buffer): Eventual<Buffer>
  /** The key for verification: the public key, or the secret. */
  jwk: JsonWebKey
}

/** @throws where the key was sealed under another LATCHKEY_SECRET */
export function unsealKey(ring: Keyring, row: Material): Signer {
  const text = ring.decrypt('keys', row.sealed_private)
  const { algorithm, kid } = row
  if (row.publicJwk !== null) {
    const key = createPrivateKey(text)
    const signNow = (data: Buffer): Buffer => SIGN[algorithm](key, data)
    const signEventually = algorithm === 'RS256' ? (data: Buffer) => signPooled('sha256', data, key) : signNow
    return { jwk: row.publicJwk, sign: signNow, signEventually }
  }
  const key = createSecretKey(Buffer.from(text))
  const jwk = { kty: 'oct', kid, alg: algorithm, k: Buffer.from(text).toString('base64url') }
  const signNow = (data: Buffer): Buffer => SIGN[algorithm](key, data)
  return { jwk, sign: signNow, signEventually: signNow }
}
