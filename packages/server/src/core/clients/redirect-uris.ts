/**
 * Redirect URIs of clients: which ones may be registered, and whether a requested one is registered. Pure.
 *
 * Invariant: a URI that is registered has one reading. It is in the normal form of the URL standard, so that browsers, which
 * normalize, go to the host that was checked here: no user info, no other spelling of an address, no dot segments, no
 * fragment. What is requested is compared as text (RFC 6749 §3.1.2.3, RFC 9700 §4.1.3) and is never normalized.
 */

export type ApplicationType = 'web' | 'native'

export const LONGEST_REDIRECT_URI = 2000

/** RFC 3986 §2: unreserved, reserved and percent-encoded characters, without `#`, and without the wildcard of other servers. */
const CHARACTERS = /^(?:[A-Za-z0-9\-._~:/?[\]@!$&'()+,;=]|%[0-9A-Fa-f]{2})+$/
/** RFC 8252 §7.1: a domain name in reverse order, so that it has a dot; `javascript:`, `data:` and the like have none. */
const PRIVATE_USE = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:\//
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])
/** The parts of a redirect to the loopback interface; a path or a query follows, so that the port ends where it seems to. */
const LOOPBACK_IP = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::([1-9]\d{0,4}))?((?:[/?].*)?)$/
/** What the answer adds to the query (RFC 6749 §4.1.2, RFC 9207): no parameter is sent twice. */
const ANSWERED = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response']

/** Why the URI cannot be registered; null where it can. */
export function redirectUriFault(uri: string, type: ApplicationType): string | null {
  if (uri.length > LONGEST_REDIRECT_URI) return `Use at most ${LONGEST_REDIRECT_URI} characters.`
  if (uri.includes('#')) return 'Leave out the fragment.'
  if (uri.includes('*')) return 'Write each URI in full: there are no wildcards.'
  if (!CHARACTERS.test(uri) || !URL.canParse(uri))
    return 'Use an absolute URI, with other characters percent-encoded.'
  const url = new URL(uri)
  if (url.username !== '' || url.password !== '' || /^[a-z][^/?]*:\/\/[^/?]*@/i.test(uri))
    return 'Leave out user names and passwords.'
  const fault = schemeFault(url, uri, type)
  if (fault !== null) return fault
  if (url.href !== uri && url.href !== `${uri}/`) return `Write it in its normal form: ${url.href}`
  const doubled = ANSWERED.find((name) => url.searchParams.has(name))
  return doubled === undefined ? null : `Leave out the parameter \`${doubled}\`, which the answer has.`
}

function schemeFault({ protocol, hostname }: URL, uri: string, type: ApplicationType): string | null {
  if (protocol === 'https:') return null
  if (protocol === 'http:')
    return LOOPBACK_HOSTS.has(hostname)
      ? null
      : 'Use https. Only 127.0.0.1, [::1] and localhost may have http.'
  if (type === 'web') return 'Use https. Only native apps may have schemes of apps.'
  return PRIVATE_USE.test(uri)
    ? null
    : 'Use a scheme that is a domain name of yours in reverse order, such as com.example.app:/callback.'
}

/** Whether the requested URI is one of those registered. */
export const matchesRedirect = (
  registered: { readonly application_type: ApplicationType; readonly redirect_uris: readonly string[] },
  requested: string,
): boolean => {
  const { application_type: type, redirect_uris: uris } = registered
  return uris.includes(requested) || (type === 'native' && uris.some((uri) => differsInPort(uri, requested)))
}

/** RFC 8252 §7.3: the operating system chooses the port at the time of the request. */
function differsInPort(registered: string, requested: string): boolean {
  const [one, other] = [LOOPBACK_IP.exec(registered), LOOPBACK_IP.exec(requested)]
  if (!one || !other) return false
  return one[1] === other[1] && one[3] === other[3] && Number(other[2] ?? 80) <= 65_535
}

/** The host of all these URIs, in https (OpenID Connect Core §8.1); null: there is none. Apps on devices share loopback addresses. */
export function sectorHostOf(uris: readonly string[]): string | null {
  const hosts = new Set(
    uris.map((uri) => {
      const { protocol, hostname } = URL.canParse(uri) ? new URL(uri) : { protocol: '', hostname: '' }
      return protocol === 'https:' ? hostname : ''
    }),
  )
  const [host = ''] = hosts
  return hosts.size === 1 && host !== '' ? host : null
}
