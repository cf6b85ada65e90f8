/**
 * JWT verification, in one fixed order: length → cache → form → issuer → header → key → signature → claims →
 * principal. The issuer selects the method and the keys; no other claim is used before the signature was verified. A
 * verified token is cached by its SHA-256 until it expires or its key is removed; a callback that decides on issuers is
 * called for a cached token as well.
 */
import { boundedCache } from '../cache.ts'
import type { Now } from '../clock.ts'
import type { Credential } from '../credentials.ts'
import { isRecord, isTexts } from '../options.ts'
import type { Principal } from '../principal.ts'
import { invalidToken, Problem } from '../problem.ts'
import { type Algorithm, algorithmNamed } from './algorithms.ts'
import { type ClaimRules, type Claims, checkClaims, isTime } from './claims.ts'
import { patternMatcher } from './issuers.ts'
import type { JsonObject } from './json.ts'
import { type FoundKey, type KeySource, UNKNOWN_KEY, type VerificationKey } from './keys.ts'
import type { Jwt } from './read.ts'

/** The requirements on a token, and what becomes of it. */
export interface TokenRules extends ClaimRules {
  /** Whether the issuer is accepted; a token of another one is not of this method. */
  isIssuer(claims: Claims): boolean | Problem | Promise<boolean | Problem>
  /** Whether the app decides on issuers, and may change its mind: a cached token is then judged again. */
  readonly hasIssuerCallback: boolean
  /** Accepted `typ` headers, as {@link mediaType} writes them; '' accepts a token without one. */
  readonly types: readonly string[]
  principalOf(claims: Claims): Principal | Problem | Promise<Principal | Problem>
}

/** A verified token. Revocation has not been checked. */
export interface VerifiedToken {
  readonly principal: Principal
  readonly key: VerificationKey
  readonly jti: string | null
  readonly sid: string | null
  readonly sub: string
  /** Seconds since the Unix epoch; 0 where the token has no `iat`. */
  readonly iat: number
  /**
   * When it was issued, in seconds since the Unix epoch, for comparing with revocations: to the millisecond where `jti`
   * is an id of Latchkey, which contains it; otherwise `iat`.
   */
  readonly issuedAt: number
  /** For comparing with revocations: the roles that it names, and `*` where its rights depend on roles that it does not name. */
  readonly roles: readonly string[]
  /** The organization in which the caller acts. */
  readonly org: string | null
  /** The app that the token was issued to (RFC 9068 §2.2), and what it was authorized by; null for a token of a session. */
  readonly client: string | null
  readonly family: string | null
  /** Who acts for `sub`, users and apps of the server, the current one first (RFC 8693 §4.1). None where `sub` acts. */
  readonly actors: readonly string[]
  /** The thumbprint of the key that the token is bound to (RFC 9449 §6.1); '' where that is malformed, null for a bearer token. */
  readonly jkt: string | null
  /** The end of validity in milliseconds since the Unix epoch, including the tolerance. */
  readonly until: number
}

/** What a token says, without its signature. */
export type UnsignedToken = Omit<VerifiedToken, 'key' | 'principal'>

/** A cached token, with the source of its key. */
interface CachedToken extends VerifiedToken {
  readonly source: KeySource
  readonly claims: Claims
}

export type TokenVerdict = VerifiedToken | Problem | typeof UNKNOWN_KEY
type Later<T> = T | Promise<T>

export interface TokenVerifier {
  /** @returns undefined where the credential is not a JWT, or its issuer is not accepted */
  verify(credential: Credential): Later<TokenVerdict | undefined>
  /** Checks the claims without the signature, for a token that the server validates. */
  withoutSignature(credential: Credential): UnsignedToken | Problem
}

/** Finds the keys for claims whose issuer the rules have accepted. */
export type SourceOf = (claims: Claims) => KeySource

/**
 * RFC 7515 §4.1.9: `application/` may be omitted where no other slash follows, and RFC 2045 §5.1: in any case.
 *
 * @param typ of a header or an option
 */
export function mediaType(typ: string): string {
  const text = typ.toLowerCase()
  return /^application\/([^/]+)$/.exec(text)?.[1] ?? text
}

/** @param size the largest number of cached tokens; 0 disables the cache */
export function tokenVerifier(sourceOf: SourceOf, rules: TokenRules, size: number, now: Now): TokenVerifier {
  const cache = boundedCache<CachedToken>(size)
  /** By header: an issuer uses the same one for all tokens, which is parsed once. */
  const headers = new WeakMap<JsonObject, Problem | CheckedHeader>()

  function verifyWithKey(
    jwt: Jwt,
    found: FoundKey,
    source: KeySource,
    credential: Credential,
  ): Later<TokenVerdict> {
    if (found === UNKNOWN_KEY || found instanceof Problem) return found
    if (!isOfIssuer(found, jwt.claims)) return invalidToken('the key is for another issuer')
    if (!found.isSignatureOf(jwt.signed, jwt.signature)) return invalidToken('the signature is wrong')
    const until = checkClaims(jwt.claims, rules, now())
    if (until instanceof Problem) return until
    const principal = rules.principalOf(jwt.claims)
    const finish = (made: Principal | Problem): TokenVerdict => {
      if (made instanceof Problem) return made
      const verified = Object.assign(factsOf(jwt.claims, until, made, rules), {
        principal: made,
        key: found,
        source,
        claims: jwt.claims,
      })
      if (size > 0) cache.set(credential.digest, verified)
      return verified
    }
    return principal instanceof Promise ? principal.then(finish) : finish(principal)
  }

  function verifyIssued(jwt: Jwt, credential: Credential): Later<TokenVerdict> {
    let header = headers.get(jwt.header)
    if (header === undefined) {
      header = checkHeader(jwt.header, rules)
      headers.set(jwt.header, header)
    }
    if (header instanceof Problem) return header
    const source = sourceOf(jwt.claims)
    const found = source.find(header.kid, header.alg)
    return found instanceof Promise
      ? found.then((key) => verifyWithKey(jwt, key, source, credential))
      : verifyWithKey(jwt, found, source, credential)
  }

  function verifyNew(credential: Credential): Later<TokenVerdict | undefined> {
    const { jwt } = credential
    if (jwt === null) return undefined
    const settle = (accepted: boolean | Problem): Later<TokenVerdict | undefined> => {
      if (accepted instanceof Problem) return accepted
      return accepted ? verifyIssued(jwt, credential) : undefined
    }
    const accepted = rules.isIssuer(jwt.claims)
    return accepted instanceof Promise ? accepted.then(settle) : settle(accepted)
  }

  function verifyCached(known: CachedToken, credential: Credential): Later<TokenVerdict | undefined> {
    if (!known.key.isLive || now() >= known.until) {
      cache.delete(credential.digest)
      return verifyNew(credential)
    }
    if (!rules.hasIssuerCallback) return known
    const settle = (accepted: boolean | Problem): TokenVerdict | undefined => {
      if (accepted === true) return known
      return accepted === false ? undefined : accepted
    }
    const accepted = rules.isIssuer(known.claims)
    return accepted instanceof Promise ? accepted.then(settle) : settle(accepted)
  }

  return {
    withoutSignature({ jwt }) {
      if (jwt === null) return invalidToken('not a JWT')
      const until = checkClaims(jwt.claims, rules, now())
      return until instanceof Problem ? until : factsOf(jwt.claims, until, null, rules)
    },
    verify(credential) {
      if (credential.isTooLong) return invalidToken('the token is too long')
      const known = cache.get(credential.digest)
      if (known === undefined) return verifyNew(credential)
      const waiting = known.source.ready()
      if (waiting === null) return verifyCached(known, credential)
      return waiting instanceof Promise
        ? waiting.then((missing) => missing ?? verifyCached(known, credential))
        : waiting
    },
  }
}

/** @param principal null: its roles and organization are those of the claims */
function factsOf(
  claims: Claims,
  until: number,
  principal: Principal | null,
  { isLatchkey }: TokenRules,
): UnsignedToken {
  const { jti, sid, sub, iat, org, client_id, fam, cnf } = claims
  const seconds = isTime(iat) ? iat : 0
  const actors = actorsIn(claims)
  const named = principal?.roles ?? (isTexts(claims.roles) ? claims.roles : NONE)
  return {
    jti: typeof jti === 'string' ? jti : null,
    sid: typeof sid === 'string' ? sid : null,
    sub: typeof sub === 'string' ? sub : (principal?.userId ?? ''),
    iat: seconds,
    issuedAt: Math.max(seconds, isLatchkey ? timeOfId(jti) : 0),
    roles: dependsOnUnnamed(claims, actors) ? [...named, UNNAMED_ROLE] : named,
    org: principal === null ? (typeof org === 'string' ? org : null) : principal.organizationId,
    client: typeof client_id === 'string' ? client_id : null,
    family: typeof fam === 'string' ? fam : null,
    actors,
    jkt: thumbprintIn(cnf),
    until,
  }
}

const NONE: readonly string[] = []
/** What the server revokes with every role, for tokens that depend on roles without naming them. */
const UNNAMED_ROLE = '*'

/** Those by which a user acts for another one, and those behind permissions of which the app may not know the roles. */
const dependsOnUnnamed = ({ roles, permissions }: Claims, actors: readonly string[]): boolean =>
  (roles == null && Array.isArray(permissions) && permissions.length > 0) ||
  actors.some((actor) => actor.startsWith('usr_'))

function actorsIn({ act }: Claims): readonly string[] {
  if (act === undefined) return NONE
  const found: string[] = []
  for (let actor: unknown = act; isRecord(actor); actor = actor.act)
    if (typeof actor.sub === 'string') found.push(actor.sub)
  return found
}

/** Other methods of confirmation (RFC 7800 §3.1) are not checked here. */
function thumbprintIn(cnf: unknown): string | null {
  if (cnf === undefined) return null
  if (!isRecord(cnf)) return ''
  const { jkt } = cnf
  if (jkt === undefined) return null
  return typeof jkt === 'string' ? jkt : ''
}

/** The time in an id of Latchkey, which is a UUIDv7 (RFC 9562 §5.7), in seconds; 0 for other ids. */
function timeOfId(id: unknown): number {
  const time = typeof id === 'string' ? /^tok_([0-9a-f]{12})[0-9a-f]{20}$/.exec(id)?.[1] : undefined
  return time === undefined ? 0 : Number.parseInt(time, 16) / 1000
}

const isOfIssuer = ({ issuer }: VerificationKey, claims: Claims): boolean =>
  issuer === null || (typeof claims.iss === 'string' && patternMatcher(issuer)(claims.iss, claims))

interface CheckedHeader {
  alg: Algorithm
  kid: string | undefined
}

function checkHeader(header: JsonObject, rules: TokenRules): Problem | CheckedHeader {
  const { typ = '', kid, crit } = header
  // RFC 8725 §3.1: `none` is not in the table of algorithms, in any spelling
  const alg = algorithmNamed(header.alg)
  if (alg === null) return invalidToken('the algorithm is not supported')
  if (typeof typ !== 'string' || !rules.types.includes(mediaType(typ)))
    return invalidToken(`the typ ${JSON.stringify(typ)} is not accepted`)
  // RFC 7515 §4.1.11: no extension is supported
  if (crit !== undefined) return invalidToken('the header has critical extensions')
  // RFC 8725 §3.10: keys in the header (`jwk`, `x5c`) and addresses of keys (`jku`, `x5u`) are not read
  if (kid === undefined) return rules.isLatchkey ? invalidToken('the header has no kid') : { alg, kid }
  const form = rules.isLatchkey ? /^[\w.~-]{1,128}$/ : /^[\x21-\x7e]{1,256}$/
  if (typeof kid !== 'string' || !form.test(kid)) return invalidToken('the kid is malformed')
  return { alg, kid }
}
