/** The result of a credential check as response headers, for the app behind a reverse proxy. */

type Value = string | readonly string[] | null

/** Lists without a bound, which are in headers only where they are requested: proxies limit the head of an answer. */
export const LARGE = ['permissions', 'organization_permissions'] as const

/**
 * Every header, also with an empty value, so that a proxy that copies them overwrites headers of the same name that
 * a client sent; those of `LARGE` are empty unless they are `requested`. Values are printable ASCII; all other
 * characters, and `,` within a member of a list, are percent-encoded.
 */
export function authHeaders(
  verdict: Readonly<Record<string, Value>>,
  requested: readonly string[],
): Record<string, string> {
  const headers: Record<string, string> = {}
  const omitted = new Set<string>(LARGE.filter((name) => !requested.includes(name)))
  for (const [name, found] of Object.entries(verdict)) {
    const value = omitted.has(name) ? null : found
    const text =
      value === null || typeof value === 'string' ? encoded(value ?? '') : value.map(encoded).join(',')
    headers[authHeader(name)] = text
  }
  return headers
}

/** The name of the header field of a member. */
export const authHeader = (name: string): string => `x-auth-${name.replaceAll('_', '-')}`

/** `X-Auth-User-Id`, as documents write it. */
export const headerCase = (name: string): string =>
  name.replaceAll(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase())

/** Most values need no encoding. */
const PLAIN = /^[!-$&-+\--~]*$/

/** RFC 9110 §5.5: visible ASCII. The space is encoded as well, so that values may be split at spaces. */
const encoded = (text: string): string =>
  PLAIN.test(text)
    ? text
    : text.toWellFormed().replace(/[^\x21-\x7e]|[%,]/gu, (character) => encodeURIComponent(character))
