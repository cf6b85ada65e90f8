/** A verdict as headers, for the app behind a reverse proxy. */

type Value = string | readonly string[] | null

/**
 * Every header of the verdict, also where there is nothing to say: a proxy that copies them then overwrites what
 * a client sent under the same name. Values are printable ASCII; whatever else there is, and `,` within a member
 * of a list, is percent-encoded.
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

/** RFC 9110 §5.5 leaves visible ASCII; the space goes too, so that values may be split at it. */
const encoded = (text: string): string =>
  text.toWellFormed().replace(/[^\x21-\x7e]|[%,]/gu, (character) => encodeURIComponent(character))
