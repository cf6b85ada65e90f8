/**
 * From a token to who it speaks for, in one fixed order: remembered → length → form → header → key → signature
 * → times → issuer and audience → principal. Nothing of a token is believed before its signature is; what was
 * verified once is remembered by the token's SHA-256 until it expires or its key is dropped.
 */
import { boundedCache } from '../cache.ts'
import type { Now } from '../clock.ts'
import type { Credential } from '../credentials.ts'
import { makePrincipal, type Principal, type PrincipalFields } from '../principal.ts'
import { Problem, problem, refusedToken } from '../problem.ts'
import { type Algorithm, isAlgorithm } from './algorithms.ts'
import type { JsonObject } from './json.ts'
import { type FoundKey, type KeySource, UNKNOWN_KEY, type VerificationKey } from './keys.ts'
import type { Jwt } from './read.ts'

/** The claims of a token as they stand in it; times in seconds since 1970 (RFC 7519 §2, NumericDate). */
export type Claims = JsonObject

/** What a token must be like. */
export interface TokenRules {
  /** The `iss` that are believed; null believes any. */
  readonly issuers: readonly string[] | null
  /** One of these stands in `aud`; null asks for none. */
  readonly audiences: readonly string[] | null
  /** The `typ` that are taken, lower case; '' stands for a header without one. */
  readonly types: readonly string[]
  /** How far clocks may differ, in seconds. */
  readonly tolerance: number
  /** The name the principal's `method` gets. */
  readonly method: string
  /** Whether it is one of Latchkey's own: then `kid`, `sub`, `jti` and `iat` are there, and roles are lists. */
  readonly isOurs: boolean
  readonly toPrincipal?: ((claims: Claims) => PrincipalFields) | undefined
}

/** A token that is good, as far as it says itself; whether it was revoked is another question. */
export interface Verified {
  readonly principal: Principal
  readonly key: VerificationKey
  readonly jti: string | null
  readonly sid: string | null
  readonly sub: string
  /** Seconds since 1970; 0 where it is unknown. */
  readonly iat: number
  readonly roles: readonly string[]
  /** The organization it acts in. */
  readonly org: string | null
  /** Milliseconds since 1970, the tolerance included. */
  readonly until: number
}

export type TokenVerdict = Verified | Problem | typeof UNKNOWN_KEY

export interface TokenVerifier {
  /** @returns undefined for what is no JWT, or one of an issuer that is none of these */
  verify(credential: Credential): TokenVerdict | undefined | Promise<TokenVerdict>
  /** What the claims would say if a key vouched for them: for whoever has the token vouched for elsewhere. */
  unproven(credential: Credential): Omit<Verified, 'key'> | Problem
}

/** What says where a key is to be found; only an attacker has a use for it here (RFC 8725 §3.10). */
const POINTERS = ['jwk', 'jku', 'x5u', 'x5c'] as const

export function tokenVerifier(keys: KeySource, rules: TokenRules, size: number, now: Now): TokenVerifier {
  const remembered = boundedCache<Verified>(size)

  function underKey(jwt: Jwt, found: FoundKey, credential: Credential): TokenVerdict {
    if (found === UNKNOWN_KEY || found instanceof Problem) return found
    if (!found.isSignatureOf(jwt.signed, jwt.signature)) return refusedToken('the signature is wrong')
    const claimed = judgeClaims(jwt.claims, rules, now())
    if (claimed instanceof Problem) return claimed
    const verified = { ...claimed, key: found }
    remembered.set(credential.digest, verified)
    return verified
  }

  function verifyUnseen(credential: Credential): TokenVerdict | undefined | Promise<TokenVerdict> {
    const { jwt } = credential
    if (jwt === null || !isIssuer(jwt.claims.iss, rules)) return undefined
    const header = judgeHeader(jwt.header, rules)
    if (header instanceof Problem) return header
    const found = keys.find(header.kid, header.alg)
    return found instanceof Promise
      ? found.then((key) => underKey(jwt, key, credential))
      : underKey(jwt, found, credential)
  }

  function verifySeen(known: Verified, credential: Credential): TokenVerdict | Promise<TokenVerdict> {
    if (known.key.isLive && now() < known.until) return known
    remembered.delete(credential.digest)
    return verifyUnseen(credential) ?? refusedToken('it is of nobody')
  }

  return {
    unproven: ({ jwt }) =>
      jwt === null ? refusedToken('the token is no JWT') : judgeClaims(jwt.claims, rules, now()),
    verify(credential) {
      if (credential.isTooLong) return refusedToken('the token is too long')
      const known = remembered.get(credential.digest)
      if (known === undefined) return verifyUnseen(credential)
      const waiting = keys.ready()
      if (waiting === null) return verifySeen(known, credential)
      return waiting instanceof Promise
        ? waiting.then((missing) => missing ?? verifySeen(known, credential))
        : waiting
    },
  }
}

function judgeHeader(
  header: JsonObject,
  rules: TokenRules,
): Problem | { alg: Algorithm; kid: string | undefined } {
  const { alg, typ = '', kid, crit } = header
  // RFC 8725 §3.1: `none` is no algorithm here, in whatever spelling
  if (!isAlgorithm(alg)) return refusedToken('the algorithm is unknown')
  if (typeof typ !== 'string' || !rules.types.includes(typ.toLowerCase()))
    return refusedToken(`the type is ${JSON.stringify(typ)}`)
  // RFC 7515 §4.1.11: no extension is understood here
  if (crit !== undefined) return refusedToken('the header has critical extensions')
  const pointer = POINTERS.find((name) => Object.hasOwn(header, name))
  if (pointer !== undefined) return refusedToken(`the header brings its own key (${pointer})`)
  if (kid === undefined) return rules.isOurs ? refusedToken('the header has no kid') : { alg, kid }
  const form = rules.isOurs ? /^[\w.~-]{1,128}$/ : /^[\x21-\x7e]{1,256}$/
  if (typeof kid !== 'string' || !form.test(kid)) return refusedToken('the kid has no form of ours')
  return { alg, kid }
}

function judgeClaims(claims: Claims, rules: TokenRules, now: number): Omit<Verified, 'key'> | Problem {
  const { exp, nbf, iat, iss, aud, sub, jti, sid } = claims
  const seconds = now / 1000
  // RFC 7519 §4.1.4, §4.1.5, §4.1.6
  if (!isTime(exp)) return refusedToken('there is no exp')
  if (nbf !== undefined && !(isTime(nbf) && nbf <= seconds + rules.tolerance))
    return refusedToken('nbf is ahead')
  if (iat !== undefined && !(isTime(iat) && iat <= seconds + rules.tolerance))
    return refusedToken('iat is ahead')
  // RFC 7519 §4.1.1, §4.1.3
  if (!isIssuer(iss, rules)) return refusedToken('the issuer is another')
  if (rules.audiences !== null && !isFor(aud, rules.audiences)) return refusedToken('the audience is another')
  if (rules.isOurs && !isOurs(claims)) return refusedToken('claims are missing or have another type')
  if (exp + rules.tolerance <= seconds) return problem('TOKEN_EXPIRED', { reason: 'exp is over' })
  const principal = principalOf(claims, rules)
  if (principal instanceof Problem) return principal
  return {
    principal,
    jti: typeof jti === 'string' ? jti : null,
    sid: typeof sid === 'string' ? sid : null,
    sub: typeof sub === 'string' ? sub : principal.userId,
    iat: isTime(iat) ? iat : 0,
    roles: principal.roles,
    org: principal.organizationId,
    until: (exp + rules.tolerance) * 1000,
  }
}

function principalOf(claims: Claims, rules: TokenRules): Principal | Problem {
  const own = fieldsOfClaims(claims)
  if (rules.toPrincipal === undefined) {
    if (own.userId === '') return refusedToken('there is no sub')
    if (!isTextsOrNot(claims.roles) || !isTextsOrNot(claims.permissions))
      return refusedToken('roles or permissions are no list of texts')
    return makePrincipal(own, rules.method, claims, true)
  }
  try {
    return makePrincipal({ ...own, ...rules.toPrincipal(claims) }, rules.method, claims)
  } catch (error) {
    return error instanceof Problem ? error : refusedToken('its claims make no principal', error)
  }
}

function fieldsOfClaims(claims: Claims): PrincipalFields {
  const { amr, auth_time: authTime, exp, roles, permissions } = claims
  return {
    userId: textOf(claims.sub) ?? '',
    username: textOf(claims.username),
    role: textOf(claims.role),
    roles: isTexts(roles) ? roles : undefined,
    permissions: isTexts(permissions) ? permissions : undefined,
    organizationId: textOf(claims.org),
    organizationRole: textOf(claims.org_role),
    organizationPermissions: isTexts(claims.org_permissions) ? claims.org_permissions : undefined,
    sessionId: textOf(claims.sid),
    tokenId: textOf(claims.jti),
    amr: isTexts(amr) ? amr : undefined,
    acr: textOf(claims.acr),
    authenticatedAt: isTime(authTime) ? new Date(authTime * 1000) : null,
    expiresAt: isTime(exp) ? new Date(exp * 1000) : null,
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const isTextsOrNot = (value: unknown): boolean => value === undefined || isTexts(value)
const isIssuer = (iss: unknown, { issuers }: TokenRules): boolean =>
  issuers === null || (typeof iss === 'string' && issuers.includes(iss))
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e11
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((member) => typeof member === 'string')
const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isTextOrNot = (value: unknown): boolean =>
  value === undefined || value === null || typeof value === 'string'

const isFor = (aud: unknown, audiences: readonly string[]): boolean =>
  typeof aud === 'string'
    ? audiences.includes(aud)
    : isTexts(aud) && aud.some((one) => audiences.includes(one))

/** PRODUCT §3: what an access token of Latchkey carries. */
const isOurs = (claims: Claims): boolean =>
  isText(claims.sub) &&
  isText(claims.jti) &&
  isTime(claims.iat) &&
  isTexts(claims.roles) &&
  isTexts(claims.permissions) &&
  isTextOrNot(claims.sid) &&
  isTextOrNot(claims.role) &&
  isTextOrNot(claims.username) &&
  isTextOrNot(claims.org) &&
  isTextOrNot(claims.org_role) &&
  isTextsOrNot(claims.org_permissions)
