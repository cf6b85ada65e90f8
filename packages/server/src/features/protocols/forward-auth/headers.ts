/** The result of a credential check as response headers, for the app behind a reverse proxy. */

type Value = string | readonly string[] | null

/**
 * Every header, also with an empty value, so that a proxy that copies them overwrites headers of the same name that
 * a client sent. Values are printable ASCII; all other characters, and `,` within a member of a list, are
 * percent-encoded.
 */
export function authHeaders(verdict: Readonly<Record<string, Value>>): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(verdict)) {
    const text =
      value === null || typeof value === 'string' ? encoded(value ?? '') : value.map(encoded).join(',')
    headers[`x-auth-${name.replaceAll('_', '-')}`] = text
  }
  return headers
}

/** RFC 9110 §5.5: visible ASCII. The space is encoded as well, so that values may be split at spaces. */
const encoded = (text: string): string =>
  text.toWellFormed().replace(/[^\x21-\x7e]|[%,]/gu, (character) => encodeURIComponent(character))
