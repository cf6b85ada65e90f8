/**
 * Issuers (RFC 7519 §4.1.1): exact strings, patterns for issuers with many tenants, or a function of the app. A token
 * of another issuer is not of this method.
 */
import { isText } from '../options.ts'
import type { JsonObject } from './json.ts'

/** Decides whether tokens of an issuer are accepted; for apps whose issuers are in a database. */
export type IssuerCheck = (issuer: string) => boolean | PromiseLike<boolean>

/** The `issuer` option. */
export type IssuerOption = string | readonly string[] | IssuerCheck | null

/** Whether the issuer of these claims is accepted. */
export type IssuerMatcher = (claims: JsonObject) => boolean

const PLACEHOLDER = /\{([A-Za-z_][\w.-]*)\}/g

export const isPattern = (issuer: string): boolean => /\{[A-Za-z_][\w.-]*\}/.test(issuer)

/** Microsoft Entra writes `{tenantid}` for the value of the claim `tid`. */
const claimOf = (placeholder: string): string => (placeholder === 'tenantid' ? 'tid' : placeholder)

/**
 * A placeholder `{claim}` is one segment of the path, which must equal that claim of the token.
 *
 * @param issuers exact issuers, and patterns such as `https://login.microsoftonline.com/{tenantid}/v2.0`
 */
export function issuerMatcher(issuers: readonly string[]): IssuerMatcher {
  const exact = new Set(issuers.filter((one) => !isPattern(one)))
  const patterns = issuers.filter(isPattern).map(patternMatcher)
  return (claims) => {
    const { iss } = claims
    if (typeof iss !== 'string') return false
    return exact.has(iss) || patterns.some((fits) => fits(iss, claims))
  }
}

/** The value of a placeholder: one segment of a path, or one label of a host. */
const SEGMENT = /^[\w.~-]{1,200}$/

/**
 * The claims are written into the pattern, and the result is compared: a pattern may be of a key set (Microsoft Entra), so
 * that it must not become a regular expression, whose time its author would choose.
 *
 * @returns whether an issuer is the pattern with the claims of its token in place of the placeholders
 */
export function patternMatcher(pattern: string): (issuer: string, claims: JsonObject) => boolean {
  const parts = pattern.split(PLACEHOLDER).map((part, i) => (i % 2 === 0 ? part : claimOf(part)))
  return (issuer, claims) => {
    let expected = ''
    for (const [i, part] of parts.entries()) {
      const value = i % 2 === 0 ? part : Object.hasOwn(claims, part) ? claims[part] : undefined
      if (typeof value !== 'string' || (i % 2 === 1 && !SEGMENT.test(value))) return false
      expected += value
    }
    return issuer === expected
  }
}

/** The value of the `issuer` option, in words; null where it is one. */
export function issuerFault(value: unknown): string | null {
  if (value === null || typeof value === 'function' || isText(value)) return null
  return Array.isArray(value) && value.length > 0 && value.every(isText)
    ? null
    : 'the `iss` of its tokens: a string, a list of strings, a function, or null for any'
}
