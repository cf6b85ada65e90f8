/**
 * The claims of a token whose signature was verified: times, audience, the claims that are required, and the fields of
 * a principal that they contain (RFC 7519 §4.1, RFC 8693 §4.2, RFC 9068 §2.2).
 */
import { isText, isTexts } from '../options.ts'
import type { PrincipalFields } from '../principal.ts'
import { invalidToken, type Problem, problem } from '../problem.ts'
import type { JsonObject } from './json.ts'

/** The claims of a token, unchanged; times are in seconds since the Unix epoch (RFC 7519 §2, NumericDate). */
export type Claims = JsonObject

/**
 * Tolerated differences between the clocks of issuer and guard, in seconds. `ahead` is for `nbf` and `iat`: a machine
 * without good time is a minute off, and refusing its fresh tokens stops every sign-in (Spring Security tolerates 60 s,
 * Microsoft.IdentityModel 300; jose does not check `iat`). `past` is for `exp`, and short: a token that ends early is
 * refreshed, one that ends late outlives what its issuer allowed.
 */
export interface Tolerance {
  readonly ahead: number
  readonly past: number
}

/** @param seconds the `clockTolerance` option, which replaces both */
export const toleranceOf = (seconds: number | undefined): Tolerance =>
  seconds === undefined ? { ahead: 60, past: 5 } : { ahead: seconds, past: seconds }

type Value = string | number | boolean
/** Names of claims that must be present; or claims with their value, of which a list contains the accepted ones. */
export type RequiredClaims = readonly string[] | Readonly<Record<string, Value | readonly Value[]>>

export interface ClaimRules {
  /** Accepted audiences: `aud` must contain one of them; null accepts any. */
  readonly audiences: readonly string[] | null
  readonly tolerance: Tolerance
  /** Seconds since `iat` after which a token counts as expired; null: only `exp` limits it. */
  readonly maxAge: number | null
  readonly required: RequiredClaims
  /** Whether it is an access token of Latchkey, which requires `kid`, `sub`, `jti`, `iat`, `roles` and `permissions`. */
  readonly isLatchkey: boolean
}

/** @returns the end of validity in milliseconds since the Unix epoch, tolerance included; or why there is none */
export function checkClaims(claims: Claims, rules: ClaimRules, now: number): number | Problem {
  const { exp, nbf, iat, aud } = claims
  const { ahead, past } = rules.tolerance
  const seconds = now / 1000
  // RFC 7519 §4.1.4, §4.1.5, §4.1.6
  if (!isTime(exp)) return invalidToken('exp is missing or malformed')
  if (nbf !== undefined && !(isTime(nbf) && nbf <= seconds + ahead))
    return invalidToken('nbf is malformed or in the future')
  if (iat !== undefined && !(isTime(iat) && iat <= seconds + ahead))
    return invalidToken('iat is malformed or in the future')
  // RFC 7519 §4.1.3
  if (rules.audiences !== null && !isFor(aud, rules.audiences))
    return invalidToken('the audience is not accepted')
  if (rules.isLatchkey && !hasLatchkeyClaims(claims))
    return invalidToken('claims are missing or have the wrong type')
  const wrong = lackingClaim(claims, rules.required)
  if (wrong !== undefined) return invalidToken(`the claim ${wrong} is missing or has another value`)
  if (rules.maxAge !== null && iat === undefined) return invalidToken('iat is missing')
  const oldest = rules.maxAge === null || iat === undefined ? exp : Math.min(exp, Number(iat) + rules.maxAge)
  if (oldest + past <= seconds)
    return problem('TOKEN_EXPIRED', { reason: oldest === exp ? 'exp is in the past' : 'iat is too long ago' })
  return (oldest + past) * 1000
}

export function fieldsOfClaims(claims: Claims): PrincipalFields {
  const { amr, auth_time: authTime, exp, roles, permissions } = claims
  return {
    userId: textOf(claims.sub) ?? '',
    username: textOf(claims.username),
    role: textOf(claims.role),
    roles: isTexts(roles) ? roles : undefined,
    permissions: isTexts(permissions) ? permissions : undefined,
    scopes: scopesOf(claims),
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

/** RFC 8693 §4.2 `scope`, separated by spaces; Entra and Okta write `scp`, as a string or a list. */
function scopesOf({ scope, scp }: Claims): readonly string[] | undefined {
  if (scope === undefined && scp === undefined) return undefined
  return [...new Set([...words(scope), ...words(scp)])]
}
const words = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return value.split(' ').filter(Boolean)
  return isTexts(value) ? value : []
}

function lackingClaim(claims: Claims, required: RequiredClaims): string | undefined {
  if (isNames(required)) return required.find((name) => claimIn(claims, name) === undefined)
  for (const [name, wanted] of Object.entries(required)) {
    const value = claimIn(claims, name)
    const accepted: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (!values.some((one) => accepted.includes(one))) return name
  }
  return undefined
}
const isNames = (required: RequiredClaims): required is readonly string[] => Array.isArray(required)
const claimIn = (claims: Claims, name: string): unknown =>
  Object.hasOwn(claims, name) ? (claims[name] ?? undefined) : undefined

/** The value of the `requiredClaims` option, in words; null where it is one. */
export function requiredClaimsFault(value: unknown): string | null {
  const isValue = (one: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof one)
  const isRight = Array.isArray(value)
    ? value.every(isText)
    : typeof value === 'object' &&
      value !== null &&
      Object.values(value).every((one) =>
        Array.isArray(one) ? one.length > 0 && one.every(isValue) : isValue(one),
      )
  return isRight ? null : 'a list of names, or an object of names and values'
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
export const isTextsOrNot = (value: unknown): boolean => value === undefined || isTexts(value)
export const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e11
const isTextOrNot = (value: unknown): boolean =>
  value === undefined || value === null || typeof value === 'string'

const isFor = (aud: unknown, audiences: readonly string[]): boolean =>
  typeof aud === 'string'
    ? audiences.includes(aud)
    : isTexts(aud) && aud.some((one) => audiences.includes(one))

/** The required claims of a Latchkey access token; one that was issued to an app has roles only where its resource asks for them. */
const hasLatchkeyClaims = (claims: Claims): boolean =>
  isNonEmpty(claims.sub) &&
  isNonEmpty(claims.jti) &&
  isTime(claims.iat) &&
  (isNonEmpty(claims.client_id)
    ? isTextsOrNot(claims.roles) && isTextsOrNot(claims.permissions) && typeof claims.scope === 'string'
    : isTexts(claims.roles) && isTexts(claims.permissions)) &&
  isTextOrNot(claims.sid) &&
  isTextOrNot(claims.role) &&
  isTextOrNot(claims.username) &&
  isTextOrNot(claims.org) &&
  isTextOrNot(claims.org_role) &&
  isTextsOrNot(claims.org_permissions)
const isNonEmpty = (value: unknown): boolean => typeof value === 'string' && value !== ''
