/**
 * A proof of a key, by the checks of RFC 9449 §4.3, in their order. Pure: whether it was used before is for `replays`. The key is in the
 * proof, so that nothing is looked up; what counts is its thumbprint.
 */
import { createHash, type KeyObject } from 'node:crypto'
import type { Keyring } from '../../../base/crypto.ts'
import type { ProtocolRequest } from '../../../base/http/row/route.ts'
import {
  isPrivateJwk,
  isSignedBy,
  JWS_ALGORITHMS,
  type Jws,
  jwsAlgorithm,
  readJws,
  readPublicJwk,
  thumbprintOf,
  timeOfClaim,
} from '../../../base/jws.ts'
import type { SingleUse } from '../replays/index.ts'
import { isCurrentNonce, NONCE_LIFETIME } from './nonces.ts'

export const DPOP_ALGORITHMS: readonly string[] = [...JWS_ALGORITHMS]

export interface DpopProof {
  /** The thumbprint of the key (RFC 7638). */
  jkt: string
  /** What uses the proof up. */
  use: SingleUse
  /** Whether it was made for a nonce of this server. */
  hasNonce: boolean
}

export interface ProofFault {
  error: 'invalid_dpop_proof' | 'use_dpop_nonce'
  /** For developers. */
  message: string
}

export interface ProofExpectations {
  /** What the endpoints are below. */
  publicUrl: string
  keyring: Keyring
  now: Date
  /** Which the proof has to name (`ath`); null where none is presented. */
  accessToken: string | null
}

/** Milliseconds that the clock of an app may differ; beyond it, and up to an hour, a nonce says that the proof is recent. */
const TOLERANCE = 60_000
const CORRIGIBLE = 3_600_000
const LONGEST = 8192
const LONGEST_ID = 500

const fault = (message: string): ProofFault => ({ error: 'invalid_dpop_proof', message })
const useNonce = (message: string): ProofFault => ({ error: 'use_dpop_nonce', message })

/** @returns null where no proof was sent */
export function readProof(
  { dpop: text, ...request }: ProtocolRequest,
  expected: ProofExpectations,
): DpopProof | ProofFault | null {
  if (text === null) return null
  const jws = text.length > LONGEST ? null : readJws(text)
  if (jws === null) return fault('The DPoP proof is no signed JWT.')
  const key = keyIn(jws)
  if ('error' in key) return key
  return checkProofClaims(jws, key, request, expected)
}

function keyIn(jws: Jws): KeyObject | ProofFault {
  const { typ, alg: name, jwk } = jws.header
  // §4.3 (4), as the guard
  if (typ !== 'dpop+jwt') return fault('The typ of the DPoP proof is not dpop+jwt.')
  const alg = jwsAlgorithm(name)
  if (alg === null) return fault('The alg of the DPoP proof is not one that is supported.')
  if (typeof jwk !== 'object' || jwk === null || isPrivateJwk(jwk))
    return fault('The jwk of the DPoP proof is no public key.')
  const key = readPublicJwk(jwk)
  return key !== null && isSignedBy(jws, alg, key)
    ? key
    : fault('The signature of the DPoP proof is not that of its jwk.')
}

function checkProofClaims(
  { claims: { jti, htm, htu, iat, ath, nonce } }: Jws,
  key: KeyObject,
  { method, path }: Pick<ProtocolRequest, 'method' | 'path'>,
  { publicUrl, keyring, now, accessToken }: ProofExpectations,
): DpopProof | ProofFault {
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID)
    return fault(`The DPoP proof has no jti of at most ${LONGEST_ID} characters.`)
  if (htm !== method) return fault('The htm of the DPoP proof is not the method of the request.')
  if (typeof htu !== 'string' || normalized(htu) !== normalized(publicUrl + path))
    return fault('The htu of the DPoP proof is not the address of the request.')
  const made = timeOfClaim(iat)
  if (made === null) return fault('The DPoP proof has no iat.')
  if (accessToken !== null && ath !== createHash('sha256').update(accessToken).digest('base64url'))
    return fault('The ath of the DPoP proof is not the digest of the access token.')
  if (nonce !== undefined && typeof nonce !== 'string')
    return fault('The nonce of the DPoP proof is no text.')
  if (nonce !== undefined && !isCurrentNonce(keyring, nonce, now))
    return useNonce('The nonce of the DPoP proof has expired, or is none of this server.')
  const apart = Math.abs(now.getTime() - made)
  // §4.3 (11), §11.1: the nonce is as good a time as the iat, whose clock is another's
  if (nonce === undefined && apart > TOLERANCE)
    return apart <= CORRIGIBLE
      ? useNonce('The iat of the DPoP proof is not the time of this server: a nonce is required.')
      : fault('The iat of the DPoP proof is not the time of this server.')
  const jkt = thumbprintOf(key)
  const until = nonce === undefined ? made + 2 * TOLERANCE : now.getTime() + NONCE_LIFETIME
  return {
    jkt,
    use: { kind: 'dpop', owner: jkt, id: jti, until: new Date(until) },
    hasNonce: nonce !== undefined,
  }
}

/** §4.3 (9): without query and fragment, in the normal form of RFC 3986 §6.2.2 and §6.2.3; null for what is no address. */
function normalized(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null
  const { origin, pathname, username, password } = new URL(text)
  if (username !== '' || password !== '') return null
  const path = pathname.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : escaped.toUpperCase()
  })
  return origin + path
}
