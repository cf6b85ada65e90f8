/**
 * Proof of possession (RFC 9449 §7): a request with a token that is bound to a key proves that its sender holds the key.
 * The checks of §4.3 in order, cheap ones first; the key of a proof is parsed once for each client.
 */
import { createHash, type JsonWebKey } from 'node:crypto'
import { boundedCache } from '../cache.ts'
import type { Now } from '../clock.ts'
import { type Algorithm, algorithmNamed, isSymmetric } from '../jwt/algorithms.ts'
import { isTime } from '../jwt/claims.ts'
import type { JsonObject } from '../jwt/json.ts'
import { publicKey, type VerificationKey, verificationKey } from '../jwt/keys.ts'
import { type Jwt, readJwt } from '../jwt/read.ts'
import { CALLBACK_TIMEOUT, within } from '../methods/callback.ts'
import { amount, assertOptions, count, flag, isRecord, type OptionTable } from '../options.ts'
import { invalidToken, Problem, problem } from '../problem.ts'
import type { GuardRequest } from '../request.ts'
import { memoryOfProofs, type ReplayStore } from './replays.ts'

export interface DpopOptions {
  /** Refuses access tokens that are bound to no key; false by default. */
  required?: boolean | undefined
  /** Accepted algorithms of proofs; ES256, EdDSA, PS256 and RS256 by default. None is symmetric. */
  algorithms?: readonly (Algorithm | 'Ed25519')[] | undefined
  /** Seconds after `iat` for which a proof is accepted; 60 by default. */
  maxAge?: number | undefined
  /** Tolerated seconds by which `iat` is in the future; 30 by default. */
  clockTolerance?: number | undefined
  /** Used proofs, where several processes serve the API; those of this process by default. */
  replays?: ReplayStore | undefined
  /** The largest number of used proofs in memory, 500,000 by default; beyond it, requests are answered with 503. */
  maxProofs?: number | undefined
}

const OPTIONS: OptionTable<DpopOptions> = {
  required: flag,
  algorithms: (value) =>
    Array.isArray(value) && value.length > 0 && value.every(isAsymmetric)
      ? null
      : 'a list of asymmetric algorithms',
  maxAge: amount('seconds', 1, 3600),
  clockTolerance: amount('seconds', 0, 3600),
  replays: (value) =>
    isRecord(value) && typeof value.use === 'function' ? null : 'an object with a method `use`',
  maxProofs: count(1, 50_000_000),
}
function isAsymmetric(name: unknown): boolean {
  const alg = algorithmNamed(name)
  return alg !== null && !isSymmetric(alg)
}

const USUAL: readonly Algorithm[] = ['ES256', 'EdDSA', 'PS256', 'RS256']
/** Characters of a proof, and of its `jti`, as the server itself has them: one with an RSA key of 4,096 bits has 2,000. */
const LONGEST_PROOF = 8192
const LONGEST_ID = 500
const KEPT_KEYS = 2000

/** A token whose signature was verified. */
export interface BoundToken {
  readonly text: string
  /** The thumbprint of the key in `cnf` (RFC 9449 §6.1). */
  readonly jkt: string
}

export interface ProofChecker {
  readonly algorithms: readonly string[]
  readonly isRequired: boolean
  /** @returns why the request does not prove it */
  check(request: GuardRequest, token: BoundToken): Problem | null | Promise<Problem | null>
}

const proofFaults = new WeakSet<Problem>()
/** Whether a refusal is about the proof, not the token: `invalid_dpop_proof` (RFC 9449 §7.1). */
export const isOfProof = (refused: Problem): boolean => proofFaults.has(refused)

function invalidProof(reason: string): Problem {
  const refused = problem('INVALID_TOKEN', {
    message: 'The DPoP proof is not valid.',
    reason: `proof: ${reason}`,
  })
  proofFaults.add(refused)
  return refused
}

/** @param origin of the resource, which the clients know; the request's `Host` is not trusted */
export function proofChecker(options: DpopOptions, origin: string, now: Now): ProofChecker {
  assertOptions('dpop', options, OPTIONS)
  const { maxAge = 60, clockTolerance = 30, maxProofs = 500_000, replays } = options
  const algorithms = (options.algorithms ?? USUAL).flatMap((name) => algorithmNamed(name) ?? [])
  const lifetime = (maxAge + clockTolerance) * 1000
  const used = memoryOfProofs(lifetime, maxProofs, now)
  const keys = boundedCache<VerificationKey>(KEPT_KEYS)

  /** §4.3 steps 1 to 5, and 7 */
  function readProof(request: GuardRequest): { proof: Jwt; alg: Algorithm; jwk: JsonWebKey } | Problem {
    const text = request.header('dpop')
    if (text === undefined) return invalidProof('there is none')
    if (request.isRepeated('dpop') || text.includes(',')) return invalidProof('there is more than one')
    const proof = text.length > LONGEST_PROOF ? null : readJwt(text)
    if (proof === null) return invalidProof('it is no JWT, or too long')
    const { typ, crit, jwk } = proof.header
    const alg = algorithmNamed(proof.header.alg)
    if (typ !== 'dpop+jwt') return invalidProof('the typ is not dpop+jwt')
    if (alg === null || !algorithms.includes(alg)) return invalidProof('the algorithm is not accepted')
    if (crit !== undefined) return invalidProof('the header has critical extensions')
    if (!isRecord(jwk)) return invalidProof('the header has no key')
    if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) return invalidProof('the key is not public')
    return { proof, alg, jwk: jwk as JsonWebKey }
  }

  /** §4.3 steps 3 and 8 to 11, and the digest of the token */
  function claimsFault({ claims }: Jwt, request: GuardRequest, token: string): string | null {
    const { jti, htm, htu, iat, ath } = claims
    if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID) return 'jti is missing or too long'
    if (htm !== request.method) return 'htm is for another method'
    if (typeof htu !== 'string' || addressOf(htu) !== addressIn(request.url, origin))
      return 'htu is for another address'
    const seconds = now() / 1000
    if (!isTime(iat)) return 'iat is missing or malformed'
    if (iat > seconds + clockTolerance) return 'iat is in the future'
    if (iat + maxAge <= seconds) return 'iat is too long ago'
    // §7: so that a proof is of no use with another token
    return ath === createHash('sha256').update(token).digest('base64url') ? null : 'ath is for another token'
  }

  function keyOf(jwk: JsonWebKey, alg: Algorithm, jkt: string): VerificationKey | null {
    const name = `${alg} ${jkt}`
    const known = keys.get(name)
    if (known !== undefined) return known
    try {
      const key = verificationKey(publicKey(jwk), alg, null)
      keys.set(name, key)
      return key
    } catch {
      return null
    }
  }

  function useOnce(jkt: string, { jti }: JsonObject): Problem | null | Promise<Problem | null> {
    const id = createHash('sha256').update(`${jkt} ${jti}`).digest('base64url')
    if (replays === undefined) {
      const isNew = used.use(id)
      if (isNew === null)
        return problem('UNAVAILABLE', { reason: 'more DPoP proofs than `maxProofs`', retryAfter: 1 })
      return isNew ? null : invalidProof('it was used before')
    }
    return useShared(replays, id, lifetime)
  }

  return {
    algorithms: options.algorithms ?? USUAL,
    isRequired: options.required ?? false,
    check(request, token) {
      const read = readProof(request)
      if (read instanceof Problem) return read
      const { proof, alg, jwk } = read
      const wrong = claimsFault(proof, request, token.text)
      if (wrong !== null) return invalidProof(wrong)
      const jkt = thumbprint(jwk)
      if (jkt === null) return invalidProof('the key is malformed')
      // §7.1: the key of the proof is that of the token
      if (jkt !== token.jkt) return invalidToken('the token is bound to another key than that of the proof')
      const key = keyOf(jwk, alg, jkt)
      if (key === null) return invalidProof('the key does not fit the algorithm')
      if (!key.isSignatureOf(proof.signed, proof.signature)) return invalidProof('the signature is wrong')
      return useOnce(jkt, proof.claims)
    },
  }
}

/** A store that fails refuses, because a proof may have been used. */
async function useShared(replays: ReplayStore, id: string, lifetime: number): Promise<Problem | null> {
  try {
    const late = () => new Error('`replays.use` does not answer')
    const isNew: unknown = await within(replays.use(id, lifetime), CALLBACK_TIMEOUT, late)
    if (typeof isNew !== 'boolean') throw new TypeError('`replays.use` must return true or false')
    return isNew ? null : invalidProof('it was used before')
  } catch (error) {
    return problem('UNAVAILABLE', { reason: 'the used proofs cannot be recorded', cause: error })
  }
}

/** RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const

/** RFC 7638 §3.2, RFC 8037 §2: the members that make a key, in this order. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = Object.assign(Object.create(null), {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
})

/** @returns null for a key that has not all of its members */
function thumbprint(jwk: JsonWebKey): string | null {
  const names = typeof jwk.kty === 'string' ? MEMBERS[jwk.kty] : undefined
  if (names === undefined) return null
  const values = names.map((name) => jwk[name])
  // canonical base64url: a second spelling of a key would have another thumbprint
  if (!values.every((value) => typeof value === 'string' && /^[\w-]+$/.test(value))) return null
  const members = names.map((name, i) => `"${name}":"${values[i]}"`)
  return createHash('sha256')
    .update(`{${members.join(',')}}`)
    .digest('base64url')
}

/** §4.3 step 9: without query and fragment, normalised (RFC 3986 §6.2.2, §6.2.3). @returns null for anything else */
function addressOf(text: string): string | null {
  if (text.length > 2048 || !/^https?:\/\/[^/?#@]+(?:[/?#]|$)/i.test(text) || !URL.canParse(text)) return null
  const { origin, pathname } = new URL(text)
  return origin + unreserved(pathname)
}

/** The address of a request target, which may be absolute (RFC 9112 §3.2.2); its host is not that of the resource by itself. */
function addressIn(target: string, origin: string): string | null {
  return target.startsWith('/') ? addressOf(origin + target) : null
}

const unreserved = (path: string): string =>
  path.replaceAll(/%[0-9a-f]{2}/gi, (encoded) => {
    const sign = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[\w.~-]/.test(sign) ? sign : encoded.toUpperCase()
  })
