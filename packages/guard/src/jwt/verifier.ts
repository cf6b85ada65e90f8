/**
 * JWT verification, in one fixed order: length → cache → form → header → key → signature → times → issuer and audience →
 * principal. No claim is used before the signature was verified. A verified token is cached by its SHA-256 until it
 * expires or its key is removed.
 */
import { boundedCache } from '../cache.ts'
import type { Now } from '../clock.ts'
import type { Credential } from '../credentials.ts'
import { makePrincipal, type Principal, type PrincipalFields } from '../principal.ts'
import { invalidToken, Problem, problem } from '../problem.ts'
import { type Algorithm, isAlgorithm } from './algorithms.ts'
import type { JsonObject } from './json.ts'
import { type FoundKey, type KeySource, UNKNOWN_KEY, type VerificationKey } from './keys.ts'
import type { Jwt } from './read.ts'

/** The claims of a token, unchanged; times are in seconds since the Unix epoch (RFC 7519 §2, NumericDate). */
export type Claims = JsonObject

/** The requirements on a token. */
export interface TokenRules {
  /** Accepted issuers (`iss`); null accepts any. */
  readonly issuers: readonly string[] | null
  /** Accepted audiences: `aud` must contain one of them; null accepts any. */
  readonly audiences: readonly string[] | null
  /** Accepted `typ` headers, in lower case; '' accepts a token without one. */
  readonly types: readonly string[]
  /** Tolerated clock difference in seconds. */
  readonly tolerance: number
  /** The `method` of the principal. */
  readonly method: string
  /** Whether it is an access token of Latchkey, which requires `kid`, `sub`, `jti`, `iat`, `roles` and `permissions`. */
  readonly isLatchkey: boolean
  readonly toPrincipal?: ((claims: Claims) => PrincipalFields) | undefined
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
  readonly roles: readonly string[]
  /** The organization in which the caller acts. */
  readonly org: string | null
  /** The end of validity in milliseconds since the Unix epoch, including the tolerance. */
  readonly until: number
}

export type TokenVerdict = VerifiedToken | Problem | typeof UNKNOWN_KEY

export interface TokenVerifier {
  /** @returns undefined where the credential is not a JWT, or its issuer is not accepted */
  verify(credential: Credential): TokenVerdict | undefined | Promise<TokenVerdict>
  /** Checks the claims without the signature, for a token that the server validates. */
  withoutSignature(credential: Credential): Omit<VerifiedToken, 'key'> | Problem
}

/** Header parameters that contain or reference a key. A token with one is refused (RFC 8725 §3.10). */
const POINTERS = ['jwk', 'jku', 'x5u', 'x5c'] as const

export function tokenVerifier(keys: KeySource, rules: TokenRules, size: number, now: Now): TokenVerifier {
  const cache = boundedCache<VerifiedToken>(size)

  function verifyWithKey(jwt: Jwt, found: FoundKey, credential: Credential): TokenVerdict {
    if (found === UNKNOWN_KEY || found instanceof Problem) return found
    if (!found.isSignatureOf(jwt.signed, jwt.signature)) return invalidToken('the signature is wrong')
    const claimed = checkClaims(jwt.claims, rules, now())
    if (claimed instanceof Problem) return claimed
    const verified = { ...claimed, key: found }
    cache.set(credential.digest, verified)
    return verified
  }

  function verifyNew(credential: Credential): TokenVerdict | undefined | Promise<TokenVerdict> {
    const { jwt } = credential
    if (jwt === null || !isIssuer(jwt.claims.iss, rules)) return undefined
    const header = checkHeader(jwt.header, rules)
    if (header instanceof Problem) return header
    const found = keys.find(header.kid, header.alg)
    return found instanceof Promise
      ? found.then((key) => verifyWithKey(jwt, key, credential))
      : verifyWithKey(jwt, found, credential)
  }

  function verifyCached(known: VerifiedToken, credential: Credential): TokenVerdict | Promise<TokenVerdict> {
    if (known.key.isLive && now() < known.until) return known
    cache.delete(credential.digest)
    return verifyNew(credential) ?? invalidToken('the issuer is not accepted')
  }

  return {
    withoutSignature: ({ jwt }) =>
      jwt === null ? invalidToken('not a JWT') : checkClaims(jwt.claims, rules, now()),
    verify(credential) {
      if (credential.isTooLong) return invalidToken('the token is too long')
      const known = cache.get(credential.digest)
      if (known === undefined) return verifyNew(credential)
      const waiting = keys.ready()
      if (waiting === null) return verifyCached(known, credential)
      return waiting instanceof Promise
        ? waiting.then((missing) => missing ?? verifyCached(known, credential))
        : waiting
    },
  }
}

function checkHeader(
  header: JsonObject,
  rules: TokenRules,
): Problem | { alg: Algorithm; kid: string | undefined } {
  const { alg, typ = '', kid, crit } = header
  // RFC 8725 §3.1: `none` is not in the table of algorithms, in any spelling
  if (!isAlgorithm(alg)) return invalidToken('the algorithm is not supported')
  if (typeof typ !== 'string' || !rules.types.includes(typ.toLowerCase()))
    return invalidToken(`the typ ${JSON.stringify(typ)} is not accepted`)
  // RFC 7515 §4.1.11: no extension is supported
  if (crit !== undefined) return invalidToken('the header has critical extensions')
  const pointer = POINTERS.find((name) => Object.hasOwn(header, name))
  if (pointer !== undefined)
    return invalidToken(`the header contains a key or a reference to one (${pointer})`)
  if (kid === undefined) return rules.isLatchkey ? invalidToken('the header has no kid') : { alg, kid }
  const form = rules.isLatchkey ? /^[\w.~-]{1,128}$/ : /^[\x21-\x7e]{1,256}$/
  if (typeof kid !== 'string' || !form.test(kid)) return invalidToken('the kid is malformed')
  return { alg, kid }
}

function checkClaims(claims: Claims, rules: TokenRules, now: number): Omit<VerifiedToken, 'key'> | Problem {
  const { exp, nbf, iat, iss, aud, sub, jti, sid } = claims
  const seconds = now / 1000
  // RFC 7519 §4.1.4, §4.1.5, §4.1.6
  if (!isTime(exp)) return invalidToken('exp is missing or malformed')
  if (nbf !== undefined && !(isTime(nbf) && nbf <= seconds + rules.tolerance))
    return invalidToken('nbf is malformed or in the future')
  if (iat !== undefined && !(isTime(iat) && iat <= seconds + rules.tolerance))
    return invalidToken('iat is malformed or in the future')
  // RFC 7519 §4.1.1, §4.1.3
  if (!isIssuer(iss, rules)) return invalidToken('the issuer is not accepted')
  if (rules.audiences !== null && !isFor(aud, rules.audiences))
    return invalidToken('the audience is not accepted')
  if (rules.isLatchkey && !hasLatchkeyClaims(claims))
    return invalidToken('claims are missing or have the wrong type')
  if (exp + rules.tolerance <= seconds) return problem('TOKEN_EXPIRED', { reason: 'exp is in the past' })
  const principal = principalOf(claims, rules)
  if (principal instanceof Problem) return principal
  return {
    principal,
    jti: typeof jti === 'string' ? jti : null,
    sid: typeof sid === 'string' ? sid : null,
    sub: typeof sub === 'string' ? sub : principal.userId,
    iat: isTime(iat) ? iat : 0,
    issuedAt: Math.max(isTime(iat) ? iat : 0, rules.isLatchkey ? timeOfId(jti) : 0),
    roles: principal.roles,
    org: principal.organizationId,
    until: (exp + rules.tolerance) * 1000,
  }
}

function principalOf(claims: Claims, rules: TokenRules): Principal | Problem {
  const own = fieldsOfClaims(claims)
  if (rules.toPrincipal === undefined) {
    if (own.userId === '') return invalidToken('sub is missing')
    if (!isTextsOrNot(claims.roles) || !isTextsOrNot(claims.permissions))
      return invalidToken('roles or permissions are not arrays of strings')
    return makePrincipal(own, rules.method, claims, true)
  }
  try {
    return makePrincipal({ ...own, ...rules.toPrincipal(claims) }, rules.method, claims)
  } catch (error) {
    return error instanceof Problem ? error : invalidToken('the principal callback threw', error)
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

/** The time in an id of Latchkey, which is a UUIDv7 (RFC 9562 §5.7), in seconds; 0 for other ids. */
function timeOfId(id: unknown): number {
  const time = typeof id === 'string' ? /^tok_([0-9a-f]{12})[0-9a-f]{20}$/.exec(id)?.[1] : undefined
  return time === undefined ? 0 : Number.parseInt(time, 16) / 1000
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

/** The required claims of a Latchkey access token. */
const hasLatchkeyClaims = (claims: Claims): boolean =>
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
